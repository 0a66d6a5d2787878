/**
 * A trainer's own stretch done again, for an auditor whose device gives other bits: it binds itself to the state behind each
 * step, and shows the step that is drawn then: the states before and behind it, and the frames that went in between.
 */
import { linkOf, type ShardChain, stepsOf } from '../../audit/chain.ts';
import type { DeviceSession } from '../../device/device.ts';
import { saveStates } from '../../shard/shard.ts';
import type { ShardSource } from '../../shard/shards.ts';
import type { Frame } from '../../training/frame.ts';
import type { Totals } from '../../training/totals.ts';
import { frameEncoder } from '../../wire/frame-encoder.ts';
import { borderCodec } from '../shard-device.ts';
import { encodeState, stateHash } from '../shard-state.ts';
import { stateBytes } from './fill-from-record.ts';
import type { CutRecord } from './read-record.ts';
import { type RepeatOptions, repeatStretch } from './repeat.ts';
import {
  MAX_SHOWN_BYTES,
  type Reproduction,
  type ShownFrame,
  type ShownShard,
  type ShownState,
} from './reproduction.ts';

/** What came out of it, as far as it was kept. */
export interface Reproduced {
  readonly place: Pick<Reproduction, 'run' | 'term' | 'from'>;
  /** Calls behind which its steps end, the first one of the stretch as well. */
  readonly ends: readonly number[];
  readonly chains: readonly ShardChain[];
  /** By shard: the states by the calls before them. */
  readonly states: ReadonlyMap<number, ReadonlyMap<number, ShownState>>;
  readonly frames: ReadonlyMap<number, readonly ShownFrame[]>;
  /** Any step of it can be shown. */
  readonly isWhole: boolean;
}

/**
 * @param records of one stretch: of all shards of the trainer that have borders with each other
 * @param kept the steps of which states and frames stay in memory; absent: only what is bound to
 * @throws UserError `record/damaged`
 */
export async function reproduceStretch(
  records: readonly CutRecord[],
  options: RepeatOptions,
  kept?: number | 'all',
): Promise<Reproduced> {
  const [first] = records;
  if (!first) throw new Error('reproduce: no records');
  const { deployment, device, sourceOf } = options;
  const { run, term, from } = first.head;
  const ends = stepsOf(deployment, from, first.end.calls);
  const [begin = -1, end = -1] = kept === 'all' ? [from, first.end.calls] : stepIn(ends, kept);
  const codec = borderCodec(device, deployment);
  const sources = new Map<number, ShardSource>();
  const encoders = new Map<number, ReturnType<typeof frameEncoder>>();
  const links = new Map<number, string[]>(records.map(({ head }) => [head.shard, []]));
  const states = new Map<number, Map<number, ShownState>>(records.map(({ head }) => [head.shard, new Map()]));
  const frames = new Map<number, ShownFrame[]>(records.map(({ head }) => [head.shard, []]));
  for (const record of records) {
    const { shard, totals } = record.head;
    if (from === begin) states.get(shard)?.set(from, { state: await stateBytes(record, MAX_SHOWN_BYTES), totals });
  }
  const behind = async (shard: number, calls: number, session: DeviceSession, totals: Totals): Promise<void> => {
    if (!ends.includes(calls)) return;
    const saved = await saveStates(session, sources.get(shard)?.executable.program.states ?? []);
    links.get(shard)?.push(linkOf(stateHash(saved), totals));
    if (calls >= begin && calls <= end) states.get(shard)?.set(calls, { state: encodeState(saved), totals });
  };
  await repeatStretch(records, {
    ...options,
    sourceOf: async (shard) => {
      const source = await sourceOf(shard);
      sources.set(shard, source);
      encoders.set(shard, frameEncoder(codec, source.schedule));
      return source;
    },
    observer: {
      behind,
      sent: (shard, to, frame: Frame) => {
        const { message, callIndex, microbatch, tick } = frame;
        if (callIndex < begin || callIndex >= end) return;
        const payload = encoders.get(shard)?.(frame).payload ?? new Uint8Array(0);
        frames.get(shard)?.push({ to, message, callIndex, microbatch, tick, payload });
      },
    },
  });
  const chains: ShardChain[] = [...links].map(([shard, own]) => ({ shard, links: own }));
  return { place: { run, term, from }, ends, chains, states, frames, isWhole: kept === 'all' };
}

/** @param step the one that is shown, of those that were kept; absent: only what is bound to */
export function reproductionOf(
  { place, ends, chains, states, frames }: Reproduced,
  step: number | undefined,
): Reproduction {
  if (step === undefined) return { ...place, chains, shards: [] };
  const [begin, end] = stepIn(ends, step);
  const shards = chains.flatMap(({ shard }): ShownShard[] => {
    const [before, after] = [begin, end].map((calls) => states.get(shard)?.get(calls ?? -1));
    const within = frames.get(shard)?.filter(({ callIndex }) => callIndex >= (begin ?? 0) && callIndex < (end ?? 0));
    return before && after ? [{ shard, before, after, frames: within ?? [] }] : [];
  });
  return { ...place, chains, step, shards };
}

function stepIn(ends: readonly number[], step: number | undefined): readonly number[] {
  return step === undefined ? [] : ends.slice(step, step + 2);
}
