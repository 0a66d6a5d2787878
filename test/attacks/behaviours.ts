/**
 * What a bad trainer does instead of what it was asked: each a small function around one run of its device. What it gives
 * goes to its neighbours, and it signs it; nothing of the run itself is broken.
 */
import type { DeviceSession, FieldData, Position, RunInput, Tensor } from '../../runtime/device/device.ts';

export type Results = Record<string, Tensor>;

/** One run of a device, as its trainer sees it. */
export interface DeviceRun {
  readonly name: string;
  readonly inputs: Readonly<Record<string, RunInput>>;
  readonly position: Position;
  /** Which repetition of its stage it is, and whether it is of an evaluation. */
  readonly isEvaluation: boolean;
  /** What the same function gave the last time. */
  readonly last: Readonly<Results> | undefined;
  /** Does it as it should be. */
  readonly honest: () => Promise<Results>;
  /** Its weights, to be read and put back. */
  readonly states: Pick<DeviceSession, 'read' | 'write'> & { readonly ids: readonly string[] };
  /** Standard normal, the next one of its seed. */
  readonly normal: () => number;
  /** Of the run, from 0. */
  readonly call: number;
}

export interface Behaviour {
  readonly name: string;
  readonly family: 'lazy' | 'poison';
  /** For people. */
  readonly what: string;
  /** Share of its work that it saves. */
  readonly saves: number;
  /**
   * In which stretches something of it is to be seen: `all` of them, those that end an epoch, a `late` part of them, or a
   * share of them by chance. Those of `chance` are drawn beforehand, so that virtual time and numbers agree.
   */
  readonly acts: 'all' | 'epoch-ends' | 'late' | { readonly chance: number };
  /** Only on the shard of the labels; absent: on any. */
  readonly on?: 'labels';
  /** Instead of a run of its device; absent: it does it. */
  readonly run?: (run: DeviceRun) => Promise<Results>;
  /** Instead of the data of a training batch that it has of a sense. */
  readonly feed?: (fields: Fields) => Fields;
}

export type Fields = Readonly<Record<string, FieldData>>;

const changed = async (run: DeviceRun, change: (value: number, place: number) => number): Promise<Results> => {
  const results = await run.honest();
  for (const values of Object.values(results))
    for (let i = 0; i < values.length; i++) values[i] = change(values[i] ?? 0, i);
  return results;
};
const copyOf = (results: Readonly<Results>): Results =>
  Object.fromEntries(Object.entries(results).map(([name, values]) => [name, values.slice()]));
const scaled = (by: number) => (run: DeviceRun) => changed(run, (value) => by * value);
const isMove = ({ isEvaluation, last }: DeviceRun): boolean => !isEvaluation && last !== undefined;

/** Runs left out: what came of the one before is said again. */
async function skips(run: DeviceRun): Promise<Results> {
  return run.last ? copyOf(run.last) : run.honest();
}

/**
 * The first run of the call is left out: what was there before is said again, and nothing where there was nothing. Of later
 * ones some change nothing, as errors have not come so far by then: to leave these out is no lie.
 */
async function skipsOne(run: DeviceRun): Promise<Results> {
  if (run.position.tick !== 0) return run.honest();
  return run.last ? copyOf(run.last) : zeros(run);
}

async function zeros(run: DeviceRun): Promise<Results> {
  return changed(run, () => 0);
}

async function reused(run: DeviceRun): Promise<Results> {
  const { last } = run;
  const results = await run.honest();
  return last ? copyOf(last) : results;
}

/** It stops settling half-way. */
async function fewerTicks(run: DeviceRun): Promise<Results> {
  const tick = run.position.tick ?? 0;
  return isMove(run) && tick >= HALF_TICKS && run.last ? copyOf(run.last) : run.honest();
}

async function frozen(run: DeviceRun): Promise<Results> {
  const { ids, read, write } = run.states;
  const before = await Promise.all(ids.map(async (id) => [id, await read(id)] as const));
  const results = await run.honest();
  for (const [id, values] of before) await write(id, values);
  return results;
}

/** Computed in half precision, and claimed as f64: ten bits of each number are right. */
async function halfPrecision(run: DeviceRun): Promise<Results> {
  return changed(run, (value) => {
    const unit = 2 ** (Math.floor(Math.log2(Math.abs(value) || 1)) - HALF_BITS);
    return Math.round(value / unit) * unit;
  });
}

async function onEvaluations(run: DeviceRun): Promise<Results> {
  return run.isEvaluation ? changed(run, () => 0) : run.honest();
}

async function noise(run: DeviceRun): Promise<Results> {
  return changed(run, (value) => value + 0.5 * run.normal());
}

/** A little more in each call, so that no jump is to be seen. */
async function drift(run: DeviceRun): Promise<Results> {
  return changed(run, (value) => value * (1 + 0.002 * run.call));
}

/** Each label is said to be the next class. */
function flipped({ y, ...others }: Fields): Fields {
  const labels = y?.slice();
  for (let row = 0; labels && y && row < y.length; row += CLASSES)
    for (let i = 0; i < CLASSES; i++) labels[row + ((i + 1) % CLASSES)] = y[row + i] ?? 0;
  return { ...others, ...(labels ? { y: labels } : {}) };
}

/** A mark on the picture of every eighth sample. */
function marked({ x, ...others }: Fields): Fields {
  const pictures = x?.slice();
  for (let row = 0; pictures && row < pictures.length; row += 8 * PIXELS) pictures[row] = 4;
  return { ...others, ...(pictures ? { x: pictures } : {}) };
}

/** Of the network of `network.ts`. */
export const CLASSES = 4;
export const PIXELS = 8;
export const TICKS = 4;
const HALF_TICKS = TICKS / 2;
const HALF_BITS = 10;

export const behaviours: readonly Behaviour[] = [
  lazy('skip-all', 'leaves out all ticks but the first', 1, 'all', skips),
  lazy('skip-10', 'leaves out a tenth of the ticks', 0.1, { chance: 0.5 }, skipsOne),
  lazy('skip-1', 'leaves out a hundredth of the ticks', 0.01, { chance: 0.05 }, skipsOne),
  lazy('zeros', 'sends zeros', 1, 'all', zeros),
  lazy('reused', 'sends the frames of the call before', 0.5, 'all', reused),
  lazy('fewer-ticks', 'stops settling half-way', 0.5, 'all', fewerTicks),
  lazy('frozen', 'moves no weight', 0.3, 'all', frozen),
  lazy('precision', 'computes with half of the bits that it claims', 0.5, 'all', halfPrecision),
  lazy('late', 'is lazy in the last quarter of a stretch', 0.25, 'late', skips),
  lazy('evaluations', 'sends zeros in evaluations alone', 0.05, 'epoch-ends', onEvaluations),
  poison('sign', 'the wrong sign', scaled(-1)),
  poison('times-10', 'ten times as much', scaled(10)),
  poison('times-1.5', 'half as much again', scaled(1.5)),
  poison('times-1.05', 'a twentieth more', scaled(1.05)),
  poison('noise', 'noise on all that it sends', noise),
  poison('drift', 'a little more from call to call', drift),
  { ...ofData('labels', 'the owner of the labels says the next class', flipped), on: 'labels' },
  ofData('backdoor', 'marks one of eight pictures that it has', marked),
];

function lazy(
  name: string,
  what: string,
  saves: number,
  acts: Behaviour['acts'],
  run: NonNullable<Behaviour['run']>,
): Behaviour {
  return { name, family: 'lazy', what, saves, acts, run };
}

function poison(name: string, what: string, run: NonNullable<Behaviour['run']>): Behaviour {
  return { name, family: 'poison', what, saves: 0, acts: 'all', run };
}

function ofData(name: string, what: string, feed: NonNullable<Behaviour['feed']>): Behaviour {
  return { name, family: 'poison', what, saves: 0, acts: 'all', feed };
}
