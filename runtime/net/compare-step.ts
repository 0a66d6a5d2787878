/**
 * One step of a stretch, computed here from the state and the frames that its trainer has shown and signed, and held against
 * what it has made of them, as far apart as two devices may be (`audit/tolerance.ts`).
 */

import { sizeOf } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';
import { type Apart, apartOf, changeFor, seesNothing } from '../audit/tolerance.ts';
import type { Tensor } from '../device/device.ts';
import { fillStates, type SavedStates, saveStates } from '../shard/shard.ts';
import type { ShardSource } from '../shard/shards.ts';
import type { NamedTensor } from '../store/safetensors.ts';
import type { Totals } from '../training/totals.ts';
import { decodeValues, isPacked } from '../wire/codec.ts';
import type { CutRecord, StretchRecord } from './records/read-record.ts';
import { frameKey, type RepeatOptions, repeatStretch } from './records/repeat.ts';
import type { ShownShard } from './records/reproduction.ts';
import { decodeState } from './shard-state.ts';

export interface ComparedStep {
  readonly records: readonly StretchRecord[];
  readonly shown: readonly ShownShard[];
  /** Calls before it, and behind it. */
  readonly begin: number;
  readonly end: number;
  /** Of what is drawn for the changed computations. */
  readonly seed: number;
  readonly draws: number;
}

export interface Comparison {
  /** Of what is allowed, at the worst place: above 1 it was not computed so. */
  readonly ratio: number;
  readonly what: 'frame' | 'state' | 'sums';
  readonly shard: number;
  readonly call: number;
  /** Honest devices may be so far apart that nothing is seen. */
  readonly blind: boolean;
}

interface Outcome {
  /** By shard and name. */
  readonly frames: ReadonlyMap<string, readonly Tensor[]>;
  /** What the step has added. */
  readonly states: ReadonlyMap<string, Float64Array>;
  readonly totals: ReadonlyMap<number, Totals>;
  /** By shard: the largest number in its frames, both ways. */
  readonly scales: ReadonlyMap<number, number>;
}

interface Place {
  readonly what: Comparison['what'];
  readonly shard: number;
  readonly call: number;
}

type Judged = Place & Apart;

/** @throws UserError `record/damaged` where nothing can be computed from what was shown */
export async function compareStep(step: ComparedStep, options: RepeatOptions): Promise<Comparison> {
  const sources = new Map<number, ShardSource>();
  for (const { head } of step.records) sources.set(head.shard, await options.sourceOf(head.shard));
  const known = { ...options, sourceOf: async (shard: number) => sources.get(shard) as ShardSource };
  const here = await outcomeOf(step, known);
  const changed: Outcome[] = [];
  for (let draw = 0; draw < step.draws; draw++) changed.push(await outcomeOf(step, known, draw));
  const judged = step.shown.flatMap((shown) => [
    ...framesApart(shown, step, sources, here, changed),
    ...statesApart(shown, step, here, changed),
    sumsApart(shown, step, here, changed),
  ]);
  const worst = judged.reduce((a, b) => (b.ratio > a.ratio ? b : a));
  const first = judged.find(({ ratio }) => ratio > 1) ?? worst;
  const { what, shard, call } = first;
  return { ratio: worst.ratio, what, shard, call, blind: seesNothing(judged) };
}

/** @param draw of a changed computation; absent: with the numbers as they are */
async function outcomeOf(step: ComparedStep, options: RepeatOptions, draw?: number): Promise<Outcome> {
  const { end, shown, seed } = step;
  const { deployment, device } = options;
  const frames = new Map<string, readonly Tensor[]>();
  const states = new Map<string, Float64Array>();
  const began = new Map<string, Tensor>();
  const totals = new Map<number, Totals>();
  const scales = new Map<number, number>();
  let reads = 0;
  const scaled = (shard: number, values: readonly Tensor[]): void => {
    let most = scales.get(shard) ?? 0;
    for (const all of values) for (const value of all) most = Math.max(most, Math.abs(value));
    scales.set(shard, most);
  };
  const own = (values: Tensor): Tensor => (device.name === 'reference' ? values : Float32Array.from(values));
  const changedBy = (name: string, values: Tensor, terms: number): Tensor =>
    draw === undefined ? own(values) : changedTensor(own(values), changeFor(terms), seed, `${draw}/${name}`);
  await repeatStretch(
    step.records.map((record) => stepOf(record, step)),
    {
      ...options,
      observer: {
        begin: async (shard, session) => {
          const saved = stateOf(shown, shard, 'before');
          const { states: all } = (await options.sourceOf(shard)).executable.program;
          const parameters = saved.parameters.map((t) => {
            const terms = Math.max(deployment.batch, termsOf(t.shape));
            return withData(t, changedBy(`${shard}/${t.name}`, t.data as Tensor, terms));
          });
          const tensors = [...parameters, ...saved.auxiliary.map((t) => withData(t, own(t.data as Tensor)))];
          for (const { name, data } of tensors) began.set(`${shard}/${name}`, data as Tensor);
          await fillStates(session, all, { tensors }, false);
        },
        taken: (shard, frame) => {
          scaled(shard, frame.values);
          const values = frame.values.map((all, i) =>
            changedBy(`${shard}/${frameKey(frame)}/${i}`, all, all.length / deployment.batch),
          );
          return { ...frame, values };
        },
        sent: (shard, _to, frame) => {
          scaled(shard, frame.values);
          frames.set(
            `${shard}/${frameKey(frame)}`,
            frame.values.map((values) => values.slice() as Tensor),
          );
        },
        ...(draw === undefined
          ? {}
          : {
              read: (shard: number, values: Tensor): Tensor =>
                changedBy(`${shard}/${reads++}`, values, values.length / deployment.batch),
            }),
        behind: async (shard, calls, session, sums) => {
          if (calls !== end) return;
          const { states: all } = (await options.sourceOf(shard)).executable.program;
          for (const [name, data] of named(await saveStates(session, all))) {
            const start = began.get(`${shard}/${name}`);
            if (start) states.set(`${shard}/${name}`, less(data, start));
          }
          totals.set(shard, sums);
        },
      },
    },
  );
  return { frames, states, totals, scales };
}

function framesApart(
  { shard, frames }: ShownShard,
  { records }: ComparedStep,
  sources: ReadonlyMap<number, ShardSource>,
  here: Outcome,
  changed: readonly Outcome[],
): Judged[] {
  const record = records.find(({ head }) => head.shard === shard);
  const codec = record?.sent[0]?.header.codec ?? 'f32';
  const messages = sources.get(shard)?.schedule.messages ?? [];
  const all = new Map(frames.map((frame) => [`${shard}/${frameKey(frame)}`, frame]));
  // A frame that does not come out here, and one that was not shown.
  const missing = [...here.frames.keys()].filter((name) => name.startsWith(`${shard}/`) && !all.has(name));
  const place = { what: 'frame', shard } as const;
  const judged = [...all].flatMap(([name, { message, callIndex: call, payload }]): Judged[] => {
    const lengths = messages.find(({ id }) => id === message)?.values.map((v) => sizeOf(v.shape)) ?? [];
    const made = here.frames.get(name);
    if (!made) return [{ ...place, call, ...FAR }];
    const claimed = isPacked(codec) ? [] : decodeValues(payload, lengths, codec);
    return made.map((values, i) => ({
      ...{ ...place, call },
      ...apartOf({
        ...{ claimed: claimed[i] ?? [], here: values, half: codec === 'f16', scale: here.scales.get(shard) ?? 0 },
        changed: changed.flatMap((outcome) => outcome.frames.get(name)?.[i] ?? []),
      }),
    }));
  });
  return missing.length > 0 ? [{ ...place, call: record?.end.calls ?? 0, ...FAR }, ...judged] : judged;
}

/** What the step has added to each: weights that it leaves as they were are seen, however large they are. */
function statesApart(
  { shard, before, after }: ShownShard,
  { end: call }: ComparedStep,
  here: Outcome,
  changed: readonly Outcome[],
): Judged[] {
  const [began, ended] = [new Map(named(decodeState(before.state))), new Map(named(decodeState(after.state)))];
  return [...began].map(([name, start]): Judged => {
    const place = { what: 'state', shard, call } as const;
    const [claimed, made] = [ended.get(name), here.states.get(`${shard}/${name}`)];
    if (claimed?.length !== start.length || made?.length !== start.length) return { ...place, ...FAR };
    return {
      ...place,
      ...apartOf({
        ...{ claimed: less(claimed, start), here: made, of: claimed },
        changed: changed.flatMap((outcome) => outcome.states.get(`${shard}/${name}`) ?? []),
      }),
    };
  });
}

function sumsApart(
  { shard, before, after }: ShownShard,
  { end: call }: ComparedStep,
  here: Outcome,
  changed: readonly Outcome[],
): Judged {
  const names = [...new Set([...Object.keys(after.totals), ...Object.keys(here.totals.get(shard) ?? {})])].sort();
  const added = (totals: Totals | undefined): number[] =>
    names.map((name) => (totals?.[name] ?? Number.NaN) - (before.totals[name] ?? 0));
  const [claimed, made] = [added(after.totals), added(here.totals.get(shard))];
  // Whole numbers count samples: one of them may lie between two classes.
  const counted = made.map((value, i) => {
    const said = claimed[i] as number;
    return Number.isInteger(value) && Number.isInteger(said) && Math.abs(value - said) <= 1 ? said : value;
  });
  const of = names.map((name) => after.totals[name] ?? 0);
  const others = changed.map(({ totals }) => added(totals.get(shard)));
  return { what: 'sums', shard, call, ...apartOf({ claimed, here: counted, changed: others, of }) };
}

const FAR: Apart = { ratio: Number.POSITIVE_INFINITY, allowed: 0, size: 0 };

/** The record as if the step were the whole of its stretch. */
function stepOf(record: CutRecord, { begin, end, shown }: ComparedStep): CutRecord {
  const totals = shown.find(({ shard }) => shard === record.head.shard)?.before.totals ?? {};
  const within = (call: number): boolean => call >= begin && call < end;
  return {
    ...record,
    head: { ...record.head, from: begin, totals },
    end: { ...record.end, calls: end },
    taken: record.taken.filter(({ call }) => within(call)),
    sent: record.sent.filter(({ header }) => within(header.batch)),
  };
}

function stateOf(shown: readonly ShownShard[], shard: number, which: 'before' | 'after'): SavedStates {
  const one = shown.find((s) => s.shard === shard);
  if (!one) throw new Error(`compare: shard ${shard} is not shown`);
  return decodeState(one[which].state);
}

function named({ parameters, auxiliary }: SavedStates): (readonly [string, Tensor])[] {
  return [...parameters, ...auxiliary].map(({ name, data }: NamedTensor) => [name, data as Tensor] as const);
}

function withData({ name, shape }: NamedTensor, data: Tensor): NamedTensor {
  return data instanceof Float64Array ? { name, shape, dtype: 'F64', data } : { name, shape, dtype: 'F32', data };
}

/** Of the longest sum that a weight is in, whichever way it is used. */
function termsOf(shape: readonly number[]): number {
  return shape.length < 2 ? 1 : sizeOf([...shape]) / Math.max(1, Math.min(...shape));
}

/** Each by another share of itself. */
export function changedTensor(values: Tensor, share: number, seed: number, name: string): Tensor {
  const rng = stream(seed, name);
  return values.map((value, i) => value * (1 + share * (2 * rng.uniform(i) - 1))) as Tensor;
}

function less(a: Tensor, b: Tensor): Float64Array {
  return Float64Array.from(a, (value, i) => value - (b[i] as number));
}
