/**
 * A stretch done again from the state at its start and the frames that came, and from nothing else: what comes out of it.
 * On the same class of device it gives the same bits. Neighbouring shards that one trainer had are done again together:
 * what went between them is computed here.
 */

import { sizeOf } from '../../../spec/program.ts';
import type { OutputWindow, ShardOutputs } from '../../audit/outputs.ts';
import type { Device, DeviceSession, RunInput, Tensor } from '../../device/device.ts';
import { openSession, type ShardSession } from '../../shard/session.ts';
import type { ShardSource } from '../../shard/shards.ts';
import { callAt, functionOf, positionOf } from '../../training/calls.ts';
import type { Frame } from '../../training/frame.ts';
import { asRecorded, freeRepeats, type TicksRead } from '../../training/free-ticks.ts';
import type { Totals } from '../../training/totals.ts';
import { boundedOf } from '../../validation/held-borders.ts';
import { heldWithin, NO_SIZE } from '../../validation/learnt-bounds.ts';
import { rangesFor, withinRange } from '../../validation/within-range.ts';
import type { Deployment } from '../../wire/deployment.ts';
import { FrameContents } from '../../wire/frame-content.ts';
import { type EncodedFrame, frameEncoder } from '../../wire/frame-encoder.ts';
import { hex } from '../../wire/hash.ts';
import { decodePacket, MAX_PAYLOAD_BYTES } from '../../wire/header.ts';
import { leafOf, rootOf } from '../../wire/merkle.ts';
import { decodeReads, readsProblem } from '../../wire/reads.ts';
import { type Comparisons, withCall } from '../call-sums.ts';
import { type BlobSource, openShardData, type ShardData } from '../shard-data.ts';
import { borderCodec, drawStates, openShardDevice } from '../shard-device.ts';
import { hashOf } from '../streamed-state.ts';
import { damagedRecord } from './entries.ts';
import { recordedState } from './fill-from-record.ts';
import type { CutRecord, SentHeader } from './read-record.ts';

export interface RepeatOptions {
  readonly deployment: Deployment;
  /** Of each shard, by its number. */
  readonly sourceOf: (shard: number) => Promise<ShardSource>;
  readonly device: Device;
  readonly blob: BlobSource;
  /** States of at least so many bytes are never in memory as a whole. */
  readonly largeStateBytes?: number;
  readonly observer?: RepeatObserver;
}

/** Sees what comes out while it does, and may have it begin from other numbers than the record has. */
export interface RepeatObserver {
  /** A frame that goes to a shard of another trainer. */
  readonly sent?: (shard: number, to: number, frame: Frame) => void;
  /** A call is over, and none is under way. */
  readonly behind?: (shard: number, calls: number, device: DeviceSession, totals: Totals) => Promise<void>;
  /** Puts the state onto the device that the shard begins from. */
  readonly begin?: (shard: number, device: DeviceSession) => Promise<void>;
  /** A frame that came, as the shard gets it. */
  readonly taken?: (shard: number, frame: Frame) => Frame;
  /** Runs of the device, in place of its own. */
  readonly running?: (shard: number, device: DeviceSession) => DeviceSession['run'] | undefined;
  /** A value that a run of the device reads which another one has made, as the device gets it. */
  readonly read?: (shard: number, values: Tensor) => Tensor;
}

/** One call's packets to one neighbour. */
interface Flow {
  readonly peer: number;
  readonly call: number;
  /** By the place of each packet; nothing where no frame came out that it could be of. */
  readonly leaves: (Uint8Array | undefined)[];
  /** A frame came out that did not go. */
  other: boolean;
}

interface Went extends SentHeader {
  readonly flow: Flow;
  readonly place: number;
}

interface Member {
  readonly record: CutRecord;
  readonly source: ShardSource;
  readonly device: DeviceSession;
  readonly session: ShardSession;
  readonly data: ShardData;
  /** By frame: the headers of its packets, in order. */
  readonly went: Map<string, Went[]>;
  readonly flows: Map<string, Flow>;
  /** What it sends, as it went. */
  readonly encode: (frame: Frame) => EncodedFrame;
  totals: Totals;
  readonly comparisons: Comparisons;
  call: number;
  unsound: number | undefined;
}

/**
 * @param records of one stretch: of a shard, and of those neighbours that the same trainer had
 * @throws UserError `record/damaged` where nothing can be computed from a record
 */
export async function repeatStretch(
  records: readonly CutRecord[],
  options: RepeatOptions,
): Promise<readonly ShardOutputs[]> {
  const members: Member[] = [];
  try {
    for (const record of records) members.push(await memberOf(record, options));
    return await new Repetition(members, options).run();
  } finally {
    await Promise.all(members.map(({ device }) => device.close()));
  }
}

async function memberOf(record: CutRecord, options: RepeatOptions): Promise<Member> {
  const { deployment, sourceOf, device: on, blob, observer } = options;
  const source = await sourceOf(record.head.shard);
  const data = await openShardData(deployment, source.schedule, blob);
  // Frames of other shards are kept here: their memory may not be used again.
  const device = await openShardDevice(on, deployment, { ...source.executable, short: false });
  try {
    if (observer?.begin) await observer.begin(record.head.shard, device);
    else await beginFrom(record, device, source, options);
  } catch (error) {
    await device.close();
    throw error;
  }
  const fields = new Set(source.schedule.functions.flatMap((f) => f.inputs.map(({ name }) => name)));
  const asRead = (inputs: Readonly<Record<string, RunInput>>): Readonly<Record<string, RunInput>> => {
    const { read } = observer ?? {};
    if (!read) return inputs;
    const made = ([name, values]: readonly [string, RunInput]) =>
      [name, fields.has(name) || !isTensor(values) ? values : read(record.head.shard, values)] as const;
    return Object.fromEntries(Object.entries(inputs).map(made));
  };
  // All results are copied here, for the same reason.
  const watched = observer?.running?.(record.head.shard, device);
  const run: DeviceSession['run'] = (name, inputs, position) =>
    watched ? watched(name, asRead(inputs), position) : device.run(name, asRead(inputs), position);
  const chooser = deployment.schedule === 'async' ? asRecorded(ticksRead(record, source, deployment)) : undefined;
  const session = openSession(source.schedule, source.executable, { run }, undefined, chooser);
  const { from: call, totals } = record.head;
  const comparisons: Comparisons = new Map();
  const encode = frameEncoder(borderCodec(on, deployment), source.schedule);
  const kept = { record, source, device, session, data, encode, ...wentOf(record) };
  return { ...kept, totals, comparisons, call, unsound: undefined };
}

/** @throws UserError `record/damaged` for what its ticks cannot have read */
function ticksRead(
  { reads, end }: CutRecord,
  { schedule }: ShardSource,
  { staleness = 0, microbatches }: Deployment,
): (call: number) => readonly TicksRead[] {
  const repeats = freeRepeats(schedule);
  const calls = new Map<number, TicksRead[]>();
  for (const { shard: from, call, payload } of reads) {
    const mine = new Set(schedule.messages.flatMap((m) => (m.from === from ? [m.id] : [])));
    const repeatOf = (message: number) => (mine.has(message) ? repeats.get(message) : undefined);
    const told = decodeReads(payload);
    const bounds = { staleness, microbatches: Math.max(1, microbatches), repeatOf };
    const problem = told === 'unsound' ? 'it is told in no form' : readsProblem(told, bounds);
    if (told === 'unsound' || problem !== undefined)
      throw damagedRecord(`what it has read of shard ${from} in call ${call} cannot be: ${problem}`);
    if (call < end.calls) calls.set(call, [...(calls.get(call) ?? []), ...(told ?? [])]);
  }
  return (call) => calls.get(call) ?? [];
}

function isTensor(values: RunInput): values is Tensor {
  return values instanceof Float32Array || values instanceof Float64Array;
}

/** @throws UserError `record/damaged` where it is not the state that was signed */
async function beginFrom(
  record: CutRecord,
  device: DeviceSession,
  { executable: { program } }: ShardSource,
  { deployment, blob, largeStateBytes }: RepeatOptions,
): Promise<void> {
  const { states } = program;
  const state = await recordedState(record, states, largeStateBytes);
  if (record.head.from !== 0) {
    await state.fill(device);
    return;
  }
  // The state at the very beginning is drawn again: no signature says that it came from the seed.
  await drawStates(device, states, deployment, blob);
  if ((await hashOf(device, states, largeStateBytes)) !== record.head.hash)
    throw damagedRecord('it does not begin from the seed');
}

function wentOf({ sent, end }: CutRecord): Pick<Member, 'went' | 'flows'> {
  const [went, flows]: [Map<string, Went[]>, Map<string, Flow>] = [new Map(), new Map()];
  for (const packet of sent) {
    const { border, batch, microbatch, tick } = packet.header;
    // What was sent of a batch that began ahead is of the next stretch.
    if (batch >= end.calls) continue;
    const flow = flowIn(flows, packet.to, batch);
    const name = frameKey({ message: border, callIndex: batch, microbatch, tick });
    went.set(name, [...(went.get(name) ?? []), { ...packet, flow, place: flow.leaves.length }]);
    flow.leaves.push(undefined);
  }
  return { went, flows };
}

function flowIn(flows: Map<string, Flow>, peer: number, call: number): Flow {
  const name = `${peer}/${call}`;
  const flow = flows.get(name) ?? { peer, call, leaves: [], other: false };
  flows.set(name, flow);
  return flow;
}

class Repetition {
  readonly #members: readonly Member[];
  readonly #options: RepeatOptions;

  constructor(members: readonly Member[], options: RepeatOptions) {
    this.#members = members;
    this.#options = options;
  }

  async run(): Promise<ShardOutputs[]> {
    for (const member of this.#members) this.#begin(member);
    for (let moved = true; moved; ) {
      moved = false;
      for (const member of this.#members) {
        if (this.#members.some(({ unsound }) => unsound !== undefined)) break;
        const step = await member.session.advance();
        if (step.kind === 'send') for (const frame of step.frames) this.#sent(member, frame);
        else if (step.kind === 'done') await this.#done(member, step.results);
        else continue;
        moved = true;
      }
    }
    const outputs: ShardOutputs[] = [];
    for (const member of this.#members) outputs.push(await this.#ended(member));
    return outputs;
  }

  #begin({ record, source, session, data, call: callIndex }: Member): void {
    if (callIndex >= record.end.calls) return;
    const { deployment, observer } = this.#options;
    const call = callAt(deployment, callIndex);
    const [name, position] = [functionOf(deployment, call), positionOf(deployment, call)];
    const { shard } = record.head;
    const ranges = rangesFor(deployment, shard);
    const bounded = boundedOf(source.schedule.messages, shard);
    for (const came of framesOf(record, source, callIndex)) {
      const frame = heldAsSaid(withinRange(came, ranges.get(came.message)), record, bounded);
      session.deliver(observer?.taken?.(shard, frame) ?? frame);
    }
    session.start({ name, position, inputs: data.inputs(call), callIndex, microbatch: 0 });
  }

  async #done(member: Member, results: Readonly<Record<string, Tensor>>): Promise<void> {
    const { deployment } = this.#options;
    const { call, data, totals, comparisons } = member;
    const summed = withCall(deployment, data, totals, callAt(deployment, call), results, comparisons);
    if ('unsound' in summed) {
      member.unsound = call;
      return;
    }
    member.totals = summed.totals;
    member.call++;
    await this.#options.observer?.behind?.(member.record.head.shard, member.call, member.device, member.totals);
    this.#begin(member);
  }

  #sent({ record, source, session, encode, went, flows }: Member, frame: Frame): void {
    const to = source.schedule.messages.find((m) => m.id === frame.message)?.to ?? -1;
    const { payload: bytes, values } = encode(frame);
    const local = this.#members.find((other) => other.record.head.shard === to);
    if (local && record.end.local.includes(local.record.head.shard)) {
      local.session.deliver({ ...frame, values });
      return;
    }
    const name = frameKey(frame);
    const packets = went.get(name) ?? [];
    // Its receiver has read newer ones alone.
    if (packets.length === 0 && session.isFree(frame.message) && frame.tick > 0) return;
    this.#options.observer?.sent?.(record.head.shard, to, frame);
    const chunks = Math.max(1, Math.ceil(bytes.length / MAX_PAYLOAD_BYTES));
    // It may have gone more than once: a neighbour that has come back may have missed it.
    const isWhole = packets.length > 0 && packets.every(({ header }, i) => header.chunk === i % chunks);
    if (!isWhole || packets.length % chunks !== 0 || packets.some((packet) => packet.to !== to)) {
      flowIn(flows, to, frame.callIndex).other = true;
      return;
    }
    for (const { header, headerBytes, flow, place } of packets) {
      const payload = bytes.subarray(header.chunk * MAX_PAYLOAD_BYTES, (header.chunk + 1) * MAX_PAYLOAD_BYTES);
      flow.leaves[place] = leafOf(Buffer.concat([headerBytes, payload]));
    }
  }

  async #ended({ record, source, device, flows, totals, call, unsound }: Member): Promise<ShardOutputs> {
    const { shard } = record.head;
    const isUnsound = this.#members.some((other) => other.unsound !== undefined);
    if (call < record.end.calls && !isUnsound)
      throw damagedRecord(`frames of call ${call} of shard ${shard} are missing`);
    const hash = await hashOf(device, source.executable.program.states, this.#options.largeStateBytes);
    const windows = [...flows.values()].filter((flow) => !isUnsound || flow.call < call).map(windowOf);
    return { shard, windows, hash, totals, ...(unsound === undefined ? {} : { unsound }) };
  }
}

function windowOf({ peer, call, leaves, other }: Flow): OutputWindow {
  const found = leaves.filter((leaf) => leaf !== undefined);
  const same = !other && found.length === leaves.length;
  return { peer, call, packets: leaves.length, root: same ? hex(rootOf(found)) : '' };
}

/** @throws UserError `record/damaged` where it is larger than the trainer has sealed: its later bounds follow from that */
function heldAsSaid(frame: Frame, { end: { held } }: CutRecord, bounded: ReadonlySet<number>): Frame {
  if (!held || !bounded.has(frame.message)) return frame;
  const said = held.find(({ message }) => message === frame.message);
  const found = heldWithin(frame, said?.bound);
  const { largest, rms } = said ?? NO_SIZE;
  if (found.size.largest > largest || found.size.rms > rms)
    throw damagedRecord(`message ${frame.message} of call ${frame.callIndex} is larger than it says`);
  return found.frame;
}

/** Frames of one call that came, their packets joined. */
function* framesOf({ taken }: CutRecord, { schedule }: ShardSource, callIndex: number): Generator<Frame> {
  const lengthsOf = (message: number): number[] | undefined =>
    schedule.messages.find((m) => m.id === message)?.values.map((v) => sizeOf(v.shape));
  // Of one neighbour they follow each other, those of others and those of slots come in between.
  const coming = new Map<string, Uint8Array[]>();
  const contents = new Map<number, FrameContents>();
  for (const { from, call, read } of taken) {
    if (call !== callIndex) continue;
    const packet = decodePacket(read());
    if (!packet) throw damagedRecord('a frame of it cannot be read');
    const { kind, border: message, microbatch, tick, chunk, chunks, codec } = packet.header;
    const way = `${from}/${kind}`;
    const payloads = [...(chunk === 0 ? [] : (coming.get(way) ?? [])), packet.payload];
    coming.set(way, payloads);
    if (chunk + 1 < chunks) continue;
    const content = contents.get(from) ?? new FrameContents({ codec, schedule, lengthsOf });
    contents.set(from, content);
    const key = { message, callIndex, microbatch, tick };
    const values = content.read(key, Buffer.concat(payloads));
    if (!values) throw damagedRecord(`a frame of it is no ${codec}`);
    yield { ...key, values };
  }
}

/** A frame's name among all that go between two shards, or that one shard has. */
export function frameKey({ message, callIndex, microbatch, tick }: Omit<Frame, 'values'>): string {
  return `${message}/${callIndex}/${microbatch}/${tick}`;
}
