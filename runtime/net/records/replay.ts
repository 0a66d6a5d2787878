/**
 * A stretch done again from its record: the signed state at its start, the frames that came, and nothing else. On the
 * same class of device it gives the same bits. Neighbouring shards that one trainer had are done again together: what
 * went between them is computed here, so their records say nothing of it.
 */

import { sizeOf } from '../../../spec/program.ts';
import type { Device, DeviceSession, Tensor } from '../../device/device.ts';
import { openSession, type ShardSession } from '../../shard/session.ts';
import type { ShardSource } from '../../shard/shards.ts';
import { callAt, functionOf, positionOf } from '../../training/calls.ts';
import type { Frame } from '../../training/frame.ts';
import type { Totals } from '../../training/totals.ts';
import { type Codec, decodeValues, encodeValues } from '../../wire/codec.ts';
import type { Deployment } from '../../wire/deployment.ts';
import { hex } from '../../wire/hash.ts';
import { decodePacket, MAX_PAYLOAD_BYTES } from '../../wire/header.ts';
import { leafOf } from '../../wire/merkle.ts';
import { type Comparisons, withCall } from '../call-sums.ts';
import { type BlobSource, openShardData, type ShardData } from '../shard-data.ts';
import { borderCodec, drawStates, openShardDevice } from '../shard-device.ts';
import { hashOf } from '../streamed-state.ts';
import { assertSigned, checkFrames } from './check-record.ts';
import { damagedRecord } from './entries.ts';
import { recordedState } from './fill-from-record.ts';
import type { SentPacket, StretchRecord } from './read-record.ts';
import { type DeviceClass, deviceClass } from './stretch-log.ts';

export interface ReplayOptions {
  readonly deployment: Deployment;
  /** Of each shard, by its number. */
  readonly sourceOf: (shard: number) => Promise<ShardSource>;
  readonly device: Device;
  /** Of this program. */
  readonly version: string;
  readonly blob: BlobSource;
  readonly known: KnownOfRun;
  /** States of at least so many bytes are never in memory as a whole. */
  readonly largeStateBytes?: number;
}

/** What a verifier knows by itself: a trainer's own record proves nothing of it. */
export interface KnownOfRun {
  /** Hash of a shard's state in the manifest behind so many calls; absent: it is not known any more. */
  readonly manifest: (shard: number, calls: number) => string | undefined;
  /** Keys of a term's owners, by shard; absent: they are not known. */
  readonly owners: (term: number) => readonly string[] | undefined;
}

/** `frame`: another one than was sent; `state`, `sums`: another end. */
export type Verdict =
  | { readonly verdict: 'match' }
  | {
      readonly verdict: 'mismatch';
      readonly shard: number;
      readonly what: 'frame' | 'state' | 'sums';
      readonly call: number;
      /** What comes out here, as a hash. */
      readonly here?: string;
    }
  | { readonly verdict: 'inconclusive'; readonly why: string };

interface Member {
  readonly record: StretchRecord;
  readonly source: ShardSource;
  readonly device: DeviceSession;
  readonly session: ShardSession;
  readonly data: ShardData;
  /** By call, to be held against what is sent here, in order. */
  readonly sent: Map<string, SentPacket[]>;
  totals: Totals;
  readonly comparisons: Comparisons;
  call: number;
  /** Directions of borders in a call over which no neighbour has signed a window. */
  readonly unsigned: number;
}

/**
 * @param records of one stretch: of a shard, and of those neighbours that the same trainer had
 * @throws UserError `record/damaged` where a record cannot be trusted
 */
export async function replayStretch(records: readonly StretchRecord[], options: ReplayOptions): Promise<Verdict> {
  const why = notComparable(records, options) ?? notKnown(records, options);
  if (why !== undefined) return { verdict: 'inconclusive', why };
  const members: Member[] = [];
  try {
    for (const record of records) members.push(await memberOf(record, options));
    return await new Replay(members, options).run();
  } finally {
    await Promise.all(members.map(({ device }) => device.close()));
  }
}

function notComparable(
  records: readonly StretchRecord[],
  { deployment, device, version }: ReplayOptions,
): string | undefined {
  const shards = new Set(records.map(({ head }) => head.shard));
  const [first] = records;
  for (const { head, end } of records) {
    if (!first || head.from !== first.head.from || end.calls !== first.end.calls || head.term !== first.head.term)
      return 'the records are of different stretches';
    const lone = end.local.find((shard) => !shards.has(shard));
    if (lone !== undefined) return `the same trainer had shard ${lone}, whose record is not here`;
    const here = deviceClass(device, version, deployment.shards === 1);
    const fields = ['kind', 'description', 'version', 'processor', 'alone'] as const;
    if (fields.some((field) => head.device[field] !== here[field]))
      return `it was computed by ${classText(head.device)}, which is not ${classText(here)}`;
  }
  return undefined;
}

function classText({ version, kind, description, processor }: DeviceClass): string {
  return `version ${version} with ${kind} (${description}) on ${processor}`;
}

/** A stretch at the beginning of a term begins from a state that its trainer has not signed. */
function notKnown(records: readonly StretchRecord[], { known }: ReplayOptions): string | undefined {
  for (const { head, end } of records) {
    const { shard, from, term, owner, hash } = head;
    const owners = known.owners(term);
    if (!owners) return `the owners of term ${term} are not known`;
    const local = owners.flatMap((key, other) => (key === owner && end.local.includes(other) ? [other] : []));
    const claimed = Object.entries(end.owners).every(([other, key]) => owners[Number(other)] === key && key !== owner);
    if (owners[shard] !== owner || !claimed || local.length !== end.local.length)
      throw damagedRecord('it names other owners than the shards had');
    if (head.signed || from === 0) continue;
    const manifest = known.manifest(shard, from);
    if (manifest === undefined)
      return `the snapshot behind call ${from}, from which the term began, is not known any more`;
    if (manifest !== hash) throw damagedRecord('it does not begin from the snapshot');
  }
  return undefined;
}

async function memberOf(record: StretchRecord, options: ReplayOptions): Promise<Member> {
  const { deployment, sourceOf, device: on, blob } = options;
  assertSigned(record, deployment);
  const unsigned = checkFrames(record, deployment);
  const source = await sourceOf(record.head.shard);
  const { states } = source.executable.program;
  const state = await recordedState(record, states, options.largeStateBytes);
  const data = await openShardData(deployment, source.schedule, blob);
  // Frames of other shards are kept here: their memory may not be used again.
  const device = await openShardDevice(on, deployment, { ...source.executable, short: false });
  // The state at the very beginning is drawn again: no signature says that it came from the seed.
  if (record.head.from === 0) await drawStates(device, states, deployment, blob);
  else await state.fill(device);
  if (record.head.from === 0 && (await hashOf(device, states, options.largeStateBytes)) !== record.head.hash) {
    await device.close();
    throw damagedRecord('it does not begin from the seed');
  }
  const sent = new Map<string, SentPacket[]>();
  for (const packet of record.sent) {
    const { border, batch, microbatch, tick } = packet.header;
    const name = frameKey({ message: border, callIndex: batch, microbatch, tick });
    sent.set(name, [...(sent.get(name) ?? []), packet]);
  }
  // All results are copied here, for the same reason.
  const run: DeviceSession['run'] = (name, inputs, position) => device.run(name, inputs, position);
  const session = openSession(source.schedule, source.executable, { run });
  const { from: call, totals } = record.head;
  const comparisons: Comparisons = new Map();
  return { record, source, device, session, data, sent, totals, comparisons, call, unsigned };
}

class Replay {
  readonly #members: readonly Member[];
  readonly #options: ReplayOptions;
  readonly #codec: Codec;

  constructor(members: readonly Member[], options: ReplayOptions) {
    this.#members = members;
    this.#options = options;
    this.#codec = borderCodec(options.device, options.deployment);
  }

  async run(): Promise<Verdict> {
    for (const member of this.#members) this.#begin(member);
    for (let moved = true; moved; ) {
      moved = false;
      for (const member of this.#members) {
        const step = await member.session.advance();
        if (step.kind === 'send') {
          for (const frame of step.frames) {
            const wrong = this.#sent(member, frame);
            if (wrong) return wrong;
          }
          moved = true;
        } else if (step.kind === 'done') {
          const wrong = this.#done(member, step.results);
          if (wrong) return wrong;
          moved = true;
        }
      }
    }
    for (const member of this.#members) {
      const wrong = await this.#ended(member);
      if (wrong) return wrong;
    }
    const unsigned = this.#members.reduce((sum, member) => sum + member.unsigned, 0);
    if (unsigned === 0) return { verdict: 'match' };
    return { verdict: 'inconclusive', why: `neighbours have not signed what they got or sent (${unsigned} windows)` };
  }

  #begin(member: Member): void {
    const { record, source, session, data, call: callIndex } = member;
    if (callIndex >= record.end.calls) return;
    const { deployment } = this.#options;
    const call = callAt(deployment, callIndex);
    const [name, position] = [functionOf(deployment, call), positionOf(deployment, call)];
    for (const frame of framesOf(record, source, callIndex)) session.deliver(frame);
    session.start({ name, position, inputs: data.inputs(call), callIndex, microbatch: 0 });
  }

  #done(member: Member, results: Readonly<Record<string, Tensor>>): Verdict | undefined {
    const { deployment } = this.#options;
    const { record, call, data, totals, comparisons } = member;
    const summed = withCall(deployment, data, totals, callAt(deployment, call), results, comparisons);
    if ('unsound' in summed) return { verdict: 'mismatch', shard: record.head.shard, what: 'sums', call };
    member.totals = summed.totals;
    member.call++;
    this.#begin(member);
    return undefined;
  }

  #sent(member: Member, frame: Frame): Verdict | undefined {
    const { record, source, sent } = member;
    const { shard } = record.head;
    const to = source.schedule.messages.find((m) => m.id === frame.message)?.to;
    const bytes = encodeValues(frame.values, this.#codec);
    const local = this.#members.find((other) => other.record.head.shard === to);
    if (local && record.end.local.includes(local.record.head.shard)) {
      const lengths = frame.values.map((v) => v.length);
      local.session.deliver({ ...frame, values: decodeValues(bytes, lengths, this.#codec) });
      return undefined;
    }
    const key = frameKey(frame);
    const packets = sent.get(key) ?? [];
    sent.delete(key);
    const chunks = Math.max(1, Math.ceil(bytes.length / MAX_PAYLOAD_BYTES));
    const same =
      packets.length === chunks &&
      packets.every(({ to: receiver, headerBytes, leaf }, i) => {
        const payload = bytes.subarray(i * MAX_PAYLOAD_BYTES, (i + 1) * MAX_PAYLOAD_BYTES);
        return receiver === to && hex(leafOf(Buffer.concat([headerBytes, payload]))) === hex(leaf);
      });
    return same ? undefined : { verdict: 'mismatch', shard, what: 'frame', call: frame.callIndex };
  }

  async #ended({ record, source, device, sent, totals, call }: Member): Promise<Verdict | undefined> {
    const { head, end } = record;
    const { shard } = head;
    if (call < end.calls) throw damagedRecord(`frames of call ${call} of shard ${shard} are missing`);
    // What was sent of a batch that began ahead is of the next stretch.
    const [left] = [...sent.values()].flat().filter(({ header }) => header.batch < end.calls);
    if (left) return { verdict: 'mismatch', shard, what: 'frame', call: left.header.batch };
    const here = await hashOf(device, source.executable.program.states, this.#options.largeStateBytes);
    if (here !== end.signed.hash) return { verdict: 'mismatch', shard, what: 'state', call: end.calls, here };
    const names = [...new Set([...Object.keys(totals), ...Object.keys(end.totals)])];
    const differs = names.some((name) => totals[name] !== end.totals[name]);
    return differs ? { verdict: 'mismatch', shard, what: 'sums', call: end.calls } : undefined;
  }
}

/** Frames of one call that came, their packets joined. */
function* framesOf({ taken }: StretchRecord, { schedule }: ShardSource, callIndex: number): Generator<Frame> {
  // Of one neighbour they follow each other, those of others come in between.
  const coming = new Map<number, Uint8Array[]>();
  for (const { from, call, read } of taken) {
    if (call !== callIndex) continue;
    const packet = decodePacket(read());
    if (!packet) throw damagedRecord('a frame of it cannot be read');
    const { border: message, microbatch, tick, chunk, chunks, codec } = packet.header;
    const payloads = [...(chunk === 0 ? [] : (coming.get(from) ?? [])), packet.payload];
    coming.set(from, payloads);
    if (chunk + 1 < chunks) continue;
    const lengths = schedule.messages.find((m) => m.id === message)?.values.map((v) => sizeOf(v.shape)) ?? [];
    yield { message, callIndex, microbatch, tick, values: decodeValues(Buffer.concat(payloads), lengths, codec) };
  }
}

function frameKey({ message, callIndex, microbatch, tick }: Omit<Frame, 'values'>): string {
  return `${message}/${callIndex}/${microbatch}/${tick}`;
}
