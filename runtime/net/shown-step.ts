/** What a trainer shows of its stretch has to be what it had signed: states by their links, frames by their leaves. */
import { linkOf, type ShardChain } from '../audit/chain.ts';
import { saveStates } from '../shard/shard.ts';
import { hex } from '../wire/hash.ts';
import { MAX_PAYLOAD_BYTES } from '../wire/header.ts';
import { leafOf } from '../wire/merkle.ts';
import { damagedRecord } from './records/entries.ts';
import { stateBytes } from './records/fill-from-record.ts';
import type { SentPacket, StretchRecord } from './records/read-record.ts';
import { frameKey, type RepeatOptions } from './records/repeat.ts';
import { MAX_SHOWN_BYTES, type Reproduction, type ShownFrame, type ShownState } from './records/reproduction.ts';
import { drawStates, openShardDevice } from './shard-device.ts';
import { decodeState, stateHash } from './shard-state.ts';

export interface AskedStep {
  readonly chains: readonly ShardChain[];
  readonly step: number;
  /** Calls behind which steps end, the first one of the stretch as well. */
  readonly ends: readonly number[];
}

/** @returns why it is not what was asked for; nothing where it is */
export function shownProblem(
  shown: Reproduction,
  records: readonly StretchRecord[],
  { chains, step, ends }: AskedStep,
): string | undefined {
  if (shown.step !== step || shown.shards.length !== records.length) return 'another step of it is shown';
  const [begin = 0, end = 0] = ends.slice(step, step + 2);
  for (const { head, sent } of records) {
    const { shard } = head;
    const one = shown.shards.find((s) => s.shard === shard);
    const links = chains.find((chain) => chain.shard === shard)?.links ?? [];
    const before = step === 0 ? linkOf(head.hash, head.totals) : links[step - 1];
    if (!one || !isLinked(one.before, before) || !isLinked(one.after, links[step]))
      return `the states that are shown of shard ${shard} are not those that its trainer had bound itself to`;
    const within = sent.filter(({ header }) => header.batch >= begin && header.batch < end);
    if (!areSent(one.frames, within)) return `the frames that are shown of shard ${shard} are not those that went`;
  }
  return undefined;
}

/**
 * A run begins from its seed: no signature says it. Devices draw the same numbers, but for their last bits.
 * @throws UserError `record/damaged`
 */
export async function assertBegun(records: readonly StretchRecord[], options: RepeatOptions): Promise<void> {
  const { deployment, device: on, sourceOf, blob } = options;
  for (const record of records) {
    const { executable } = await sourceOf(record.head.shard);
    const { states } = executable.program;
    const device = await openShardDevice(on, deployment, { ...executable, short: false });
    try {
      await drawStates(device, states, deployment, blob);
      const drawn = await saveStates(device, states);
      const said = decodeState(await stateBytes(record, MAX_SHOWN_BYTES));
      const all = [...said.parameters, ...said.auxiliary];
      for (const { name, data } of [...drawn.parameters, ...drawn.auxiliary]) {
        const other = all.find((t) => t.name === name)?.data;
        const values = Array.from(data as ArrayLike<number>);
        const isSame =
          other?.length === values.length && values.every((value, i) => isClose(value, other[i] as number));
        if (!isSame) throw damagedRecord('it does not begin from the seed');
      }
    } finally {
      await device.close();
    }
  }
}

function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= 2 ** -22 * Math.max(Math.abs(a), Math.abs(b));
}

function isLinked({ state, totals }: ShownState, link: string | undefined): boolean {
  try {
    return linkOf(stateHash(decodeState(state)), totals) === link;
  } catch {
    return false;
  }
}

/** Each of them once, with the payload whose leaf was signed. */
function areSent(frames: readonly ShownFrame[], sent: readonly SentPacket[]): boolean {
  const payloads = new Map(frames.map((frame) => [`${frame.to}/${frameKey(frame)}`, frame.payload]));
  const seen = new Set<string>();
  for (const { to, header, headerBytes, leaf } of sent) {
    const { border: message, batch: callIndex, microbatch, tick, chunk } = header;
    const name = `${to}/${frameKey({ message, callIndex, microbatch, tick })}`;
    const payload = payloads.get(name)?.subarray(chunk * MAX_PAYLOAD_BYTES, (chunk + 1) * MAX_PAYLOAD_BYTES);
    if (!payload || hex(leafOf(Buffer.concat([headerBytes, payload]))) !== hex(leaf)) return false;
    seen.add(name);
  }
  return seen.size === frames.length;
}
