/**
 * A trainer's own stretch done again, for an auditor whose device gives other bits: it binds itself to the state behind each
 * step, and shows the step that is drawn then: the states before and behind it, and the frames that went in between.
 */
import { linkOf, type ShardChain, stepsOf } from '../../audit/chain.ts';
import type { DeviceSession } from '../../device/device.ts';
import { saveStates } from '../../shard/shard.ts';
import type { ShardSource } from '../../shard/shards.ts';
import type { Totals } from '../../training/totals.ts';
import { encodeValues } from '../../wire/codec.ts';
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

interface Showing {
  before?: ShownState;
  after?: ShownState;
  readonly frames: ShownFrame[];
}

/**
 * @param records of one stretch: of all shards of the trainer that have borders with each other
 * @param step the one that is to be shown; absent: only what is bound to
 * @throws UserError `record/damaged`
 */
export async function reproduceStretch(
  records: readonly CutRecord[],
  options: RepeatOptions,
  step?: number,
): Promise<Reproduction> {
  const [first] = records;
  if (!first) throw new Error('reproduce: no records');
  const { deployment, device, sourceOf } = options;
  const { run, term, from } = first.head;
  const ends = stepsOf(deployment, from, first.end.calls);
  const [begin = -1, end = -1] = step === undefined ? [] : ends.slice(step, step + 2);
  const codec = borderCodec(device, deployment);
  const sources = new Map<number, ShardSource>();
  const links = new Map<number, string[]>(records.map(({ head }) => [head.shard, []]));
  const shown = new Map<number, Showing>();
  for (const record of records) {
    const { shard, totals } = record.head;
    shown.set(shard, { frames: [] });
    if (from === begin)
      shown.set(shard, { frames: [], before: { state: await stateBytes(record, MAX_SHOWN_BYTES), totals } });
  }
  const behind = async (shard: number, calls: number, session: DeviceSession, totals: Totals): Promise<void> => {
    if (!ends.includes(calls)) return;
    const states = sources.get(shard)?.executable.program.states ?? [];
    const saved = await saveStates(session, states);
    links.get(shard)?.push(linkOf(stateHash(saved), totals));
    const showing = shown.get(shard);
    if (!showing || (calls !== begin && calls !== end)) return;
    showing[calls === begin ? 'before' : 'after'] = { state: encodeState(saved), totals };
  };
  await repeatStretch(records, {
    ...options,
    sourceOf: async (shard) => {
      const source = await sourceOf(shard);
      sources.set(shard, source);
      return source;
    },
    observer: {
      behind,
      sent: (shard, to, { values, ...frame }) => {
        if (frame.callIndex < begin || frame.callIndex >= end) return;
        const { message, callIndex, microbatch, tick } = frame;
        const payload = encodeValues(values, codec);
        shown.get(shard)?.frames.push({ to, message, callIndex, microbatch, tick, payload });
      },
    },
  });
  const chains: ShardChain[] = [...links].map(([shard, own]) => ({ shard, links: own }));
  if (step === undefined) return { run, term, from, chains, shards: [] };
  const shards = [...shown].flatMap(([shard, { before, after, frames }]): ShownShard[] =>
    before && after ? [{ shard, before, after, frames }] : [],
  );
  return { run, term, from, chains, step, shards };
}
