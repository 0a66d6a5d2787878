/** One model trained on a device and by the interpreter, and how far they may be apart. */
import type { TrainTask } from '../../compiler/3-check/checked.ts';
import type { Graph } from '../../compiler/4-graph/graph.ts';
import { pipelineProblem, possibleMicrobatches } from '../../compiler/5-program/pipeline.ts';
import { buildProgram, type Selected, type Staged } from '../../compiler/compile.ts';
import { type FieldData, fieldArrays, type Tensor } from '../../runtime/device/device.ts';
import type { Beginning, Shard } from '../../runtime/shard/shard.ts';
import { parseMemory } from '../../spec/names.ts';
import { type ProgramFunction, sizeOf } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';
import { unitConnections } from '../../spec/topologies.ts';
import { checkedTooShort } from '../support/check-source.ts';
import { Interpreter, type InterpreterOptions, type Position, type Rounding, type Start } from './interpreter.ts';
import { weightId } from './owned.ts';

export interface Model {
  readonly text: string;
  readonly graph: Graph;
  readonly task: TrainTask;
  /** As one machine trains it. */
  readonly whole: Staged;
  /** As shards do: in microbatches, and with `ahead`, where a schedule says so. */
  readonly staged: Staged;
  /** For the samples that fill no batch, where they are kept. */
  readonly last?: Model | undefined;
}

/** A machine that trains a model. */
export interface Machine {
  readonly name: string;
  /** A unit in its last place. */
  readonly unit: number;
  /** It has no larger number. */
  readonly largest?: number;
  /** Trains as the model's schedule says. */
  readonly inShards?: true;
  /** @returns nothing where this machine has nothing of its own to do for the model */
  readonly open: (model: Model, begin: Beginning) => Promise<Shard | undefined>;
}

/** Numbers by name: energies of each batch, then weights, gradients and the optimiser's states. */
export type Outcome = ReadonlyMap<string, ArrayLike<number>>;

const BATCHES = 2;
const SEED = 5;
export const beginning = { seed: SEED, statistics: new Map() };

export function compiled(text: string): Model {
  const all = checkedTooShort(text);
  const [task] = all.trains;
  if (!task) throw new Error('no train block');
  const selected = { checked: all, model: task.model, task, predicts: [] };
  const whole = buildProgram(selected);
  const last = task.last === 'keep' && task.batch > 1 ? lastOf(selected, text) : undefined;
  const { microbatches, ahead } = all.schedules[0]?.settings ?? {};
  const possible = typeof microbatches === 'number' && possibleMicrobatches(task.batch).includes(microbatches);
  if (!possible || pipelineProblem(whole.graph, whole.task ?? task))
    return { text, graph: whole.graph, task, whole, staged: whole, last };
  // What is cut runs its own passes over the program as lowered.
  const staged = { ...buildProgram(selected, { after: 'none', microbatches }), ahead: ahead === 1 ? 1 : 0 };
  return { text, graph: whole.graph, task, whole, staged, last };
}

/** Of fewer samples than a batch has; how many is drawn by the text. */
function lastOf(selected: Selected & { readonly task: TrainTask }, text: string): Model {
  const task = { ...selected.task, batch: 1 + (text.length % (selected.task.batch - 1)) };
  const whole = buildProgram({ ...selected, task });
  return { text, graph: whole.graph, task, whole, staged: whole };
}

/** A run of a function, on one batch or one step of it. */
interface Call {
  readonly model: Model;
  readonly position: Position;
}

/**
 * Two batches, or two batches of sequences; one more where the third begins on weights that were predicted; and the last
 * part of an epoch, which is kept on one machine alone.
 */
function callsOf(model: Model, inShards: boolean): Call[] {
  const { task, staged, last } = model;
  const { sequence = 1 } = task;
  const models = new Array<Model>(staged.ahead ? BATCHES + 1 : BATCHES).fill(model);
  if (last && !inShards) models.push(last);
  const batches = models.length * sequence;
  return models.flatMap((own, i) =>
    Array.from({ length: sequence }, (_, step) => ({
      model: own,
      position: { batch: i * sequence + step, batches, step },
    })),
  );
}

/** Of one batch or step: normal numbers, or small whole ones. */
function fieldsOf({ inputs }: Pick<ProgramFunction, 'inputs'>, batch: number): Record<string, FieldData> {
  const fields: Record<string, FieldData> = {};
  for (const { field, type, shape } of inputs) {
    const rng = stream(SEED, `${field}/${batch}`);
    const data = new fieldArrays[type](sizeOf(shape));
    for (let i = 0; i < data.length; i++) data[i] = type === 'f32' ? rng.normal(i) : rng.bits(i) % 3;
    fields[field] = data;
  }
  return fields;
}

const trainOf = ({ whole }: Model): ProgramFunction => {
  const found = whole.lowered.functions.find((f) => f.name === 'train');
  if (!found) throw new Error('nothing to train');
  return found;
};

/** @returns nothing where the machine has nothing of its own to do for the model */
export async function trainedOn(machine: Machine, model: Model): Promise<Outcome | undefined> {
  const found = new Map<string, ArrayLike<number>>();
  let shard = await machine.open(model, beginning);
  if (!shard) return undefined;
  let opened = model;
  for (const { model: own, position } of callsOf(model, machine.inShards === true)) {
    if (own !== opened) {
      const { parameters, auxiliary } = await shard.save();
      await shard.close();
      // What links remember is of the rows of a whole batch.
      const tensors = [...parameters, ...auxiliary].filter(({ name }) => parseMemory(name) === undefined);
      shard = await machine.open(own, { tensors });
      if (!shard) throw new Error(`${machine.name} trains whole batches alone`);
      opened = own;
    }
    const results: Record<string, Tensor> = await shard.run('train', fieldsOf(trainOf(own), position.batch), position);
    for (const [name, values] of Object.entries(results)) found.set(`${name} of ${position.batch}`, values);
  }
  const { parameters, auxiliary } = await shard.save();
  for (const { name, data } of [...parameters, ...auxiliary]) found.set(name, data as Tensor);
  await shard.close();
  return found;
}

/** The weights that a device began with, as whole matrices where it keeps connections alone. */
export async function startOf(shard: Shard, { graph }: Model): Promise<Start> {
  const { parameters } = await shard.save('start');
  const weights = new Map<string, readonly number[]>();
  const connections = new Map<string, readonly boolean[]>();
  for (const owner of [...graph.links, ...graph.nodes])
    for (const weight of owner.weights) {
      const { name, shape } = weight;
      const id = weightId(owner, weight);
      const data = [...((parameters.find((p) => p.name === id)?.data as Tensor | undefined) ?? [])];
      const joined = 'source' in owner && owner.sparsity && name === 'w' ? connectionsOf(owner, shape) : undefined;
      if (joined)
        connections.set(
          id,
          Array.from({ length: sizeOf(shape) }, (_, i) => joined.includes(i)),
        );
      weights.set(id, joined && data.length === joined.length ? scattered(data, joined, sizeOf(shape)) : data);
    }
  return { weights, connections };
}

/** Places in the matrix, in the order in which a list has them. */
function connectionsOf({ sparsity }: Graph['links'][number], [targets = 1, sources = 1]: readonly number[]): number[] {
  if (!sparsity) return [];
  const joined = unitConnections(sparsity, sources, targets);
  return Array.from(joined.targets, (target, i) => target * sources + (joined.sources[i] ?? 0));
}

function scattered(list: readonly number[], places: readonly number[], size: number): number[] {
  const whole = Array.from({ length: size }, () => 0);
  places.forEach((place, i) => {
    whole[place] = list[i] ?? 0;
  });
  return whole;
}

/**
 * By the equations.
 * @param disturbance what fields, weights and values become on their way
 * @param more what becomes of numbers in between
 */
export function interpreted(
  model: Model,
  start: Start,
  inShards: boolean,
  disturbance?: Rounding,
  more: Pick<InterpreterOptions, 'short' | 'leaves'> = {},
): { readonly outcome: Outcome; readonly leastError: number; readonly largest: number } {
  const disturbed = (values: readonly number[]): readonly number[] => (disturbance ? values.map(disturbance) : values);
  const weights = new Map([...start.weights].map(([id, values]) => [id, disturbed(values)]));
  const ahead = inShards && model.staged.ahead === 1;
  const options = { ahead, rounding: disturbance, ...more };
  const interpreter = new Interpreter(model.graph, model.task, { ...start, weights }, options);
  const found = new Map<string, ArrayLike<number>>();
  for (const { model: own, position } of callsOf(model, inShards)) {
    const { inputs } = trainOf(own);
    const fields = Object.entries(fieldsOf({ inputs }, position.batch)).map(([name, data]) => {
      const exact = inputs.find((i) => i.field === name)?.type !== 'f32';
      return [name, exact ? data : disturbed([...data])] as const;
    });
    const energies = interpreter.run(Object.fromEntries(fields), position, own.task.batch);
    for (const [node, energy] of energies) found.set(`energy.${node} of ${position.batch}`, [energy]);
  }
  for (const [id, values] of [...interpreter.weights, ...interpreter.states]) found.set(id, values);
  return { outcome: found, leastError: interpreter.leastError, largest: interpreter.largest };
}

/** One unit in the last place, up or down. */
function shaken(seed: number): Rounding {
  const rng = stream(seed, 'disturbance');
  let i = 0;
  return (x) => x * (1 + (rng.bits(i++) % 2 === 0 ? UNIT : -UNIT));
}

export interface Draws {
  readonly count: number;
  readonly short?: boolean;
}

/** Almost nothing, above or below 0; above it alone in the first draw. */
function traceOf(seed: number): () => number {
  const rng = stream(seed, 'trace');
  let i = 0;
  return () => (seed === 0 || rng.bits(i++) % 2 === 0 ? TRACE : -TRACE);
}

/**
 * Disturbances: one is enough where a device agrees. Where it does not, many say whether one can take it that far; the
 * last of them round what is in between as well, since terms that cancel there leave little of their sum, or the wrong
 * side of 0 where nothing should be left.
 */
export const DRAWS: readonly [Draws, ...Draws[]] = [{ count: 1 }, { count: 4 }, { count: 24, short: true }];

const TRACE = 1e-20;
/** How much further than a disturbed interpreter a device may be. */
const FACTOR = 10;
/** A unit in the last place of f32, relative. */
export const UNIT = 2 ** -23;
/** Of numbers with ten bits behind the first. */
export const HALF_UNIT = 2 ** -10;

export interface Wanted {
  readonly outcome: Outcome;
  /** By name: the largest distance of a device in f32, as the norm of the difference. */
  readonly bounds: ReadonlyMap<string, number>;
  /** By name: what becomes of it where an error that should be 0 leaves a trace; of the last draws alone. */
  readonly traces: ReadonlyMap<string, number>;
  /** Below a few units of a device's last place it is a matter of rounding whether there is an error (10c). */
  readonly leastError: number;
  /** Of all numbers on the way. */
  readonly largest: number;
}

/** @returns nothing where values run away: there is nothing to compare then */
export function wantedOf(model: Model, start: Start, inShards: boolean, draws: Draws): Wanted | undefined {
  const { outcome, leastError, largest } = interpreted(model, start, inShards);
  if ([...outcome.values()].some((values) => Array.from(values).some((v) => !(Math.abs(v) < MAX_VALUE))))
    return undefined;
  if (!(largest < MAX_INNER_VALUE)) return undefined;
  const { count, short = false } = draws;
  const disturbed = Array.from({ length: count }, (_, seed) =>
    interpreted(model, start, inShards, shaken(seed), { short }),
  );
  // What a disturbance takes out of the range may be anything.
  if (disturbed.some((other) => !(other.largest < MAX_INNER_VALUE))) return undefined;
  const others = disturbed.map((other) => other.outcome);
  const traced = short
    ? Array.from({ length: count }, (_, seed) =>
        interpreted(model, start, inShards, undefined, { leaves: traceOf(seed) }),
      )
    : [];
  const bounds = new Map<string, number>();
  for (const [name, values] of outcome) {
    const largest = Math.max(...others.map((other) => distance(other.get(name) ?? [], values)));
    // A sum that happens to stay as it was is still rounded once, and terms of any size may cancel in it.
    const size = name.startsWith('energy.') ? 1 + energyOf(outcome, name) : sizeAmong(outcome, name, values);
    bounds.set(name, FACTOR * (largest + UNIT * size));
  }
  const traces = new Map(
    [...outcome].map(([name, values]) => [
      name,
      Math.max(0, ...traced.map((other) => distance(other.outcome.get(name) ?? [], values))),
    ]),
  );
  return { outcome, bounds, traces, leastError, largest };
}

/** Whether values lie at 0 on the edge of a relu: rounding puts a device on one side or the other, and both are right. */
export function isOnEdge({ bounds, traces }: Wanted, unit: number): boolean {
  return [...traces].some(([name, apart]) => apart > boundOf(bounds, name, unit));
}

const boundOf = (bounds: Wanted['bounds'], name: string, unit: number): number =>
  ((bounds.get(name) ?? 0) * unit) / UNIT;

const MAX_VALUE = 1e6;
/** On the way, as of a variance that a log-variance has: squares of it have to be numbers of f32. */
const MAX_INNER_VALUE = 1e15;

/**
 * With a tenth of all tensors of its kind (weights, or one of the optimiser's states) and of 1: shares and errors that it
 * is a difference of are of that size.
 */
function sizeAmong(outcome: Outcome, name: string, values: ArrayLike<number>): number {
  const kindOf = (of: string): string => (of.startsWith('energy.') ? 'energy' : (/:\w+$/.exec(of)?.[0] ?? 'weight'));
  const alike = [...outcome].filter(([other]) => kindOf(other) === kindOf(name));
  const all = Math.hypot(...alike.map(([, others]) => Math.hypot(...Array.from(others))));
  return Math.hypot(...Array.from(values)) + 1 + 0.1 * all;
}

/** Of all nodes, in the batch of one energy. */
function energyOf(outcome: Outcome, name: string): number {
  const batch = name.slice(name.lastIndexOf(' of '));
  const all = [...outcome].filter(([other]) => other.startsWith('energy.') && other.endsWith(batch));
  return all.reduce((sum, [, values]) => sum + Math.abs(values[0] ?? 0), 0);
}

/** States that say which connections there are, what delayed links remember, or what the next batches will begin on. */
const NO_RESULT = /:(mask|entries)$|^memory:|@(even|odd)$/;

/**
 * Differences larger than allowed, in words.
 *
 * @param unit in the last place of the device: a disturbance so much smaller does so much less
 */
export function differences(found: Outcome, { outcome, bounds }: Wanted, model: Model, unit: number): string[] {
  const wrong = [...found.keys()]
    .filter((name) => !outcome.has(name) && !NO_RESULT.test(name))
    .map((name) => `${name} has no equation`);
  for (const [name, values] of outcome) {
    const given = found.get(name);
    if (!given) {
      if (Array.from(values).some((v) => v !== 0)) wrong.push(`${name} is missing`);
      continue;
    }
    const whole = given.length === values.length ? given : inMatrix(name, given, values.length, model);
    const apart = distance(whole, values);
    const bound = boundOf(bounds, name, unit);
    if (!(apart <= bound)) wrong.push(`${name}: ${apart} apart, at most ${bound}: ${show(whole)}, not ${show(values)}`);
  }
  return wrong;
}

function inMatrix(name: string, list: ArrayLike<number>, size: number, { graph }: Model): ArrayLike<number> {
  const link = graph.links.find((l) => name.startsWith(`${l.name}.w`));
  const shape = link?.weights.find((w) => w.name === 'w')?.shape ?? [];
  return link?.sparsity ? scattered(Array.from(list), connectionsOf(link, shape), size) : list;
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.NaN;
  return Math.hypot(...Array.from(b, (v, i) => (a[i] ?? Number.NaN) - v));
}

const show = (values: ArrayLike<number>): string => `[${Array.from(values).slice(0, 6).join(', ')}]`;
