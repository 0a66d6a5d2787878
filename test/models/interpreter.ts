/**
 * `spec/semantics.md` once more, in f64, word by word and as slow as that is: what a training does to the weights of a
 * checked model. Of the compiler it knows the graph, the task and the typed expressions in them, and nothing behind.
 * Numbers in brackets are the equations.
 */
import type { TrainTask, WeightStep } from '../../compiler/3-check/checked.ts';
import type { Graph, GraphLink, GraphNode } from '../../compiler/4-graph/graph.ts';
import type { Expr } from '../../compiler/operators/expr.ts';
import { evaluate, spread } from './expressions.ts';
import { type Levelled, levelled } from './levels.ts';
import { clampsOf, type Fields } from './model-clamps.ts';
import { hasEnergy, type Owned, ownedBy, weightId } from './owned.ts';
import { type Memory, type Network, Settling, type Values } from './settling.ts';
import { type Cell, type Cells, Tape } from './tape.ts';

export interface Position {
  readonly batch: number;
  readonly batches: number;
  /** Of a sequence. */
  readonly step: number;
}

export interface Start {
  /** By `OWNER.WEIGHT`. */
  readonly weights: ReadonlyMap<string, readonly number[]>;
  /** Which elements of a thinned weight exist. */
  readonly connections: ReadonlyMap<string, readonly boolean[]>;
}

/** Rounds a number as a machine whose numbers are shorter does. */
export type Rounding = (x: number) => number;
/** Of an error that is 0 as algebra says, numbers of about 1 leave no more. */
const NOTHING = 1e-15;
const exactly: Rounding = (x) => x;

export interface InterpreterOptions {
  readonly rounding?: Rounding | undefined;
  /** All numbers on the way are rounded to f32. */
  readonly short?: boolean;
  /** What rounding leaves where it should leave nothing. */
  readonly leaves?: () => number;
  /** Batches begin on predicted weights (7a). */
  readonly ahead?: boolean;
}

interface Method {
  readonly rule: string;
  readonly steps: number;
  readonly rate: number;
  readonly momentum: number;
  readonly beta: number;
  /** Rate of the multipliers (7b). */
  readonly alpha: number;
  readonly sign: string;
}

/** Gradients and energies at one state of values and weights. */
interface Found {
  readonly ofValues: Values;
  readonly ofWeights: ReadonlyMap<string, readonly number[]>;
  /** ∂F/∂mu by node: whether any element of any sample is not 0. */
  readonly arrived: ReadonlySet<string>;
  /** ∂F/∂mu by node: the largest element. */
  readonly errors: ReadonlyMap<string, number>;
  /** By node, mean over the samples (16). */
  readonly energies: ReadonlyMap<string, number>;
  /** ∂F/∂mu of a node's own energy. */
  readonly ofPredictions: Values;
  /** Values with those of exact nodes (2a). */
  readonly z: Values;
}

type Weights = Map<string, readonly number[]>;

export class Interpreter {
  weights: Weights;
  /** Of the optimiser, by `OWNER.WEIGHT:STATE`. */
  readonly states: Weights = new Map();
  /** g_theta of the last weight step (6). */
  readonly gradients: Weights = new Map();
  /** The least of the errors that Fa-Z-IL took for one, or for none where rounding would leave one (10c). */
  leastError = Number.POSITIVE_INFINITY;
  /** Of all numbers on the way to energies: a shorter machine may have no such number. */
  largest = 0;
  readonly #network: Network;
  readonly #method: Method;
  readonly #task: TrainTask;
  readonly #rounding: Rounding;
  readonly #short: boolean;
  readonly #leaves: () => number;
  readonly #start: Start;
  readonly #ahead: boolean;
  /** theta_b, the weights before the step of each batch (7a). */
  readonly #thetas: Weights[] = [];
  readonly #levels: Levelled | undefined;
  readonly #owned: readonly Owned[];
  #memory: Memory = [];
  /** Samples of this one: the last of an epoch may have fewer. */
  #batch = 0;

  constructor(graph: Graph, task: TrainTask, start: Start, options: InterpreterOptions = {}) {
    this.#task = task;
    this.#start = start;
    this.#rounding = options.rounding ?? exactly;
    this.#short = options.short ?? false;
    this.#leaves = options.leaves ?? (() => 0);
    this.#ahead = options.ahead ?? false;
    this.#method = methodOf(task);
    this.weights = new Map(start.weights);
    const zeroDivergence = this.#method.rule === 'z_il' || this.#method.rule === 'fa_z_il';
    this.#levels = zeroDivergence ? levelled(graph, new Set(task.clamps.map((c) => c.node))) : undefined;
    this.#owned = ownedBy(graph);
    this.#network = { graph: this.#levels?.graph ?? graph, bp: ['bp', 'fixed_prediction'].includes(this.#method.rule) };
    for (const { id } of ownedBy(graph).filter(({ owner }) => learnOf(owner) > 0))
      for (const { name, init } of task.optimizer.states)
        this.states.set(
          `${id}:${name}`,
          (this.weights.get(id) ?? []).map(() => init),
        );
  }

  /** One batch of so many samples, or one step of a batch of sequences (17). @returns the energy of each node (16) */
  run(fields: Fields, position: Position, batch = this.#task.batch): ReadonlyMap<string, number> {
    this.#batch = batch;
    if (position.step === 0) this.#memory = [];
    const given = clampsOf({ ...this.#task, batch }, this.#network.graph, fields, position.step);
    const around = { ...given, ...position, memory: this.#memory, rounding: this.#rounding, short: this.#short };
    const settling = new Settling(this.#network, around);
    const { rule } = this.#method;
    const [ended, energies] =
      rule === 'bp'
        ? this.#backpropagation(settling, position)
        : rule === 'fixed_prediction'
          ? this.#fixedPrediction(settling, position)
          : rule === 'z_il' || rule === 'fa_z_il'
            ? this.#zeroDivergence(settling, position)
            : this.#inference(settling, position);
    this.#memory = [...this.#memory, ended];
    return energies;
  }

  /** (7), (7b), (8) and (9). */
  #inference(plain: Settling, { batch, batches }: Position): Ended {
    const { rule, steps, beta, sign } = this.#method;
    const theta = this.#begin(batch);
    const incremental = rule === 'ipc';
    // (9)
    const nudge =
      rule === 'nudged' ? (sign === 'negative' || (sign === 'centred' && batch % 2 === 1) ? -beta : beta) : 1;
    const settling = rule === 'nudged' ? plain.nudged(this.weights, nudge) : plain;
    let z = settling.sweep(this.weights);
    let velocity: Values = new Map();
    let energies: Found['energies'] = new Map();
    let duals: Values = rule === 'pc_alm' ? this.#noDuals(z) : new Map();
    for (let tick = 0; tick < steps; tick++) {
      if (tick > 0 && duals.size > 0) duals = this.#moveDuals(duals, this.#found(settling, z, tick).ofPredictions);
      // Weights that move take the nodes along.
      const found = this.#found(settling, z, tick, { moved: incremental && tick > 0, duals });
      if (incremental) {
        energies = found.energies;
        this.#step(found.ofWeights, batch * steps + tick, batches * steps, 1, () => true);
      }
      ({ z, velocity } = this.#tick(settling, z, velocity, found.ofValues, tick, this.#method));
    }
    if (incremental) return [this.#found(settling, z, steps).z, energies];
    const found = this.#found(settling, z, steps, { duals });
    this.weights = theta;
    this.#step(found.ofWeights, batch, batches, nudge, () => true);
    return [found.z, found.energies];
  }

  /** (7b): of nodes that are free in all samples, and predicted. */
  #noDuals(z: Values): Values {
    const { nodes, links } = this.#network.graph;
    const bound = nodes.filter(
      ({ name, value }) =>
        !value && !this.#task.clamps.some((c) => c.node === name) && links.some((l) => l.target === name),
    );
    return new Map(bound.map(({ name }) => [name, (z.get(name) ?? []).map((sample) => sample.map(() => 0))]));
  }

  #moveDuals(duals: Values, slopes: Values): Values {
    const moved = (node: string, s: number, i: number, dual: number): number =>
      this.#rounding(dual - this.#method.alpha * (slopes.get(node)?.[s]?.[i] ?? 0));
    return new Map(
      [...duals].map(([node, samples]) => [
        node,
        samples.map((sample, s) => sample.map((dual, i) => moved(node, s, i, dual))),
      ]),
    );
  }

  /** The weights of before, in whose place a batch may have predicted ones. */
  #begin(batch: number): Weights {
    const theta = this.weights;
    this.#thetas.push(theta);
    if (this.#ahead) this.weights = this.#guess(batch);
    return theta;
  }

  /** (7a) */
  #guess(batch: number): Weights {
    const [first, last, before] = [this.#thetas[0], this.#thetas[batch - 1], this.#thetas[batch - 2]] as [
      Weights,
      Weights,
      Weights,
    ];
    if (batch < 2) return first;
    const next = (id: string, values: readonly number[]): readonly number[] =>
      values.map((value, i) => value + (value - (before.get(id)?.[i] ?? 0)));
    return new Map([...last].map(([id, values]) => [id, next(id, values)]));
  }

  /** (10b) and (10c). */
  #zeroDivergence(settling: Settling, { batch, batches }: Position): Ended {
    const { levels = new Map<string, number>() } = this.#levels ?? {};
    const last = Math.max(0, ...levels.values());
    const before = this.weights;
    const after: Weights = new Map(before);
    const latched = new Set<string>();
    let z = settling.sweep(before);
    for (let t = 0; t < last; t++) {
      const found = this.#found(settling, z, t);
      const due = (node: string): boolean =>
        this.#method.rule === 'z_il' ? levels.get(node) === t : found.arrived.has(node) && !latched.has(node);
      this.#step(found.ofWeights, batch, batches, 1, due);
      // The next ticks are on the weights from before the batch.
      for (const [id, weight] of this.weights) if (weight !== before.get(id)) after.set(id, weight);
      this.weights = before;
      for (const [node, error] of found.errors)
        if (!latched.has(node) && !settling.rests(node, t)) this.leastError = Math.min(this.leastError, error);
      for (const node of found.arrived) latched.add(node);
      ({ z } = this.#tick(settling, z, new Map(), found.ofValues, t, { rate: 1, momentum: 0 }));
    }
    const found = this.#found(settling, z, last);
    this.weights = after;
    return [found.z, found.energies];
  }

  /** (11a) and (11b). `steps = auto`: as many as there are nodes are enough for every path. */
  #fixedPrediction(settling: Settling, { batch, batches }: Position): Ended {
    const { graph } = this.#network;
    const { steps, rate } = this.#method;
    const theta = this.#begin(batch);
    const z = settling.sweep(this.weights);
    const isFree = ({ name, value }: GraphNode): boolean =>
      !value && settling.teaches(name) && graph.links.some((l) => l.target === name);
    const free = graph.nodes.filter(isFree);
    let deltas: Values = new Map(free.map(({ name }) => [name, (z.get(name) ?? []).map((s) => s.map(() => 0))]));
    for (let tick = 0; tick < (steps || graph.nodes.length); tick++) {
      const { ofValues } = this.#found(settling, z, 0, { deltas });
      deltas = new Map(
        free.map(({ name }) => {
          const next = (deltas.get(name) ?? []).map((sample, s) =>
            sample.map((old, i) =>
              settling.isHeld(name, s, i) ? 0 : (1 - rate) * old + rate * (ofValues.get(name)?.[s]?.[i] ?? 0),
            ),
          );
          return [name, next];
        }),
      );
    }
    const found = this.#found(settling, z, 0, { deltas });
    this.weights = theta;
    this.#step(found.ofWeights, batch, batches, 1, (node) => settling.teaches(node));
    return [found.z, found.energies];
  }

  /** (11): the sweep and the energies of the outputs on one tape, and the whole derivative. */
  #backpropagation(settling: Settling, { batch, batches }: Position): Ended {
    const tape = new Tape(this.#short);
    const weights = onTape(tape, this.weights, this.#network.graph);
    const z = settling.sweepOn(tape, weights);
    const { total, energies } = settling.energyOn(tape, weights, z, 0);
    this.largest = Math.max(this.largest, tape.largest);
    const slopes = tape.derivatives(total);
    const ofWeights = new Map([...weights].map(([id, { at }]) => [id, at.map((cell) => slopes[cell] ?? 0)]));
    this.#step(ofWeights, batch, batches, 1, (node) => settling.teaches(node));
    return [numbersOf(tape, z), energies];
  }

  /**
   * (4), for every value and every weight at once.
   *
   * @param moved whether weights are no longer as in the sweep
   * @param deltas errors of nodes without an energy: ∂F/∂mu
   * @param duals multipliers of z - mu (7b)
   */
  #found(
    settling: Settling,
    values: Values,
    tick: number,
    { moved = false, deltas = new Map(), duals = new Map() }: { moved?: boolean; deltas?: Values; duals?: Values } = {},
  ): Found {
    const tape = new Tape(this.#short);
    const weights = onTape(tape, this.weights, this.#network.graph);
    const z = new Map(
      this.#network.graph.nodes.map(({ name, shape }) => [
        name,
        (values.get(name) ?? []).map((sample) => tape.leaves(shape, sample)),
      ]),
    );
    const { z: all, mus } = settling.exactOn(tape, weights, z, tick);
    const { total, energies, predictions } = settling.energyOn(tape, weights, all, tick, moved);
    this.largest = Math.max(this.largest, tape.largest);
    const errors = [...deltas].flatMap(([node, samples]) =>
      samples.flatMap((sample, s) =>
        sample.map((delta, i) => tape.mul(tape.leaf(delta), predictions.get(node)?.[s]?.at[i] as Cell)),
      ),
    );
    const bound = new Map(
      [...duals].map(([node, samples]) => {
        const terms = samples.flatMap((sample, s) =>
          sample.map((dual, i) => {
            const mu = predictions.get(node)?.[s]?.at[i] as Cell;
            const residual = tape.add(z.get(node)?.[s]?.at[i] as Cell, tape.mul(tape.leaf(-1), mu));
            return tape.mul(tape.leaf(dual), residual);
          }),
        );
        return [node, tape.sum(terms)] as const;
      }),
    );
    const slopes = tape.derivatives(tape.sum([total, ...errors, ...bound.values()]));
    const slope = ({ at }: Cells): number[] => at.map((cell) => slopes[cell] ?? 0);
    const arriving = new Map(
      [...predictions, ...mus].map(([node, samples]) => [node, Math.max(0, ...samples.flatMap(slope).map(Math.abs))]),
    );
    return {
      ofValues: new Map([...z].map(([node, samples]) => [node, samples.map(slope)])),
      ofWeights: new Map([...weights].map(([id, cells]) => [id, slope(cells)])),
      arrived: new Set([...arriving].flatMap(([node, error]) => (error > NOTHING ? [node] : []))),
      errors: arriving,
      ofPredictions: new Map([...predictions].map(([node, samples]) => [node, samples.map(slope)])),
      energies: new Map(
        [...energies].map(([node, energy]) => {
          const term = bound.get(node);
          return [node, term === undefined ? energy : energy + tape.read(term) / (z.get(node)?.length ?? 1)];
        }),
      ),
      z: numbersOf(tape, all),
    };
  }

  /** (5) */
  #tick(
    settling: Settling,
    z: Values,
    velocity: Values,
    slopes: Values,
    tick: number,
    { rate, momentum }: Pick<Method, 'rate' | 'momentum'>,
  ): { z: Values; velocity: Values } {
    // Rounding leaves something of errors that are 0 by algebra: to which side of 0 matters to the slope of a relu.
    const left = (node: string, s: number, i: number): number =>
      settling.isHeld(node, s, i) || settling.rests(node, tick) ? 0 : this.#leaves();
    const moved = new Map<string, number[][]>();
    const speeds = new Map<string, number[][]>();
    for (const [node, samples] of z) {
      const speed = samples.map((values, s) =>
        values.map((_, i) => momentum * (velocity.get(node)?.[s]?.[i] ?? 0) + (slopes.get(node)?.[s]?.[i] ?? 0)),
      );
      speeds.set(node, speed);
      const next = samples.map((values, s) =>
        values.map((value, i) => {
          const step = settling.isHeld(node, s, i) ? 0 : rate * (speed[s]?.[i] ?? 0);
          // What stays is exactly as it was: section 10 rests on that.
          return (step === 0 ? value : this.#rounding(value - step)) + left(node, s, i);
        }),
      );
      moved.set(node, next);
    }
    return { z: moved, velocity: speeds };
  }

  /** (6), for the weights of links into the nodes that are due, and of these nodes. */
  #step(
    slopes: Found['ofWeights'],
    update: number,
    updates: number,
    nudge: number,
    isDue: (node: string) => boolean,
  ): void {
    const { optimizer } = this.#task;
    const tape = new Tape();
    const scalar = (value: number): Cells => tape.leaves([], [value]);
    const counts = { update: scalar(update), updates: scalar(updates), step: scalar(update + 1) };
    const rate = tape.numbers(evaluate(tape, optimizer.rate, reading(counts)))[0] ?? 0;
    const due = this.#owned.filter(
      ({ owner, node }) => isDue(node) && learnOf(owner) > 0 && hasEnergy(this.#network.graph, owner, this.#task),
    );
    const moving = [...new Map(due.map((owned) => [owned.id, owned])).values()];
    const leaves = moving.map(({ id, owner, shape }): Record<string, Cells> => {
      const joined = this.#start.connections.get(id);
      // With a fan-out of replicas B counts the samples over the replicas.
      const mean = (slopes.get(id) ?? []).map((g, i) => (joined?.[i] === false ? 0 : g / (this.#batch * nudge)));
      this.gradients.set(id, mean);
      const tensor = (values: readonly number[]): Cells => tape.leaves(shape, values);
      const states = optimizer.states.map((s) => [s.name, tensor(this.states.get(`${id}:${s.name}`) ?? [])]);
      return {
        ...counts,
        rate: scalar(learnOf(owner) * rate),
        'share:decay': scalar(owner.decay ?? 1),
        weight: tensor(this.weights.get(id) ?? []),
        gradient: tensor(mean),
        connection: tensor(mean.map((_, i) => (joined?.[i] === false ? 0 : 1))),
        ...Object.fromEntries(states),
      };
    });
    const stepOf = (id: string): WeightStep => optimizer.ofWeights?.get(id) ?? optimizer;
    (optimizer.totals ?? []).forEach((_, n) => {
      // Each of these sums may read those before it.
      const parts = moving.map(({ id }, i) => evaluate(tape, stepOf(id).totals?.[n] as Expr, reading(leaves[i] ?? {})));
      const total = { shape: [], at: [tape.sum(parts.flatMap(({ at }) => at))] };
      for (const own of leaves) own[`total:${n}`] = total;
    });
    const next: Weights = new Map(this.weights);
    for (const [i, { id, shape }] of moving.entries()) {
      const own = leaves[i] ?? {};
      const { nextStates, nextWeight } = stepOf(id);
      const numbers = (value: Expr): number[] =>
        spread(evaluate(tape, value, reading(own)), shape).map((c) => tape.read(c));
      const states = nextStates.map((s) => [s.name, numbers(s.value)] as const);
      for (const [state, values] of states) {
        own[state] = tape.leaves(shape, values);
        this.states.set(`${id}:${state}`, values);
      }
      const joined = this.#start.connections.get(id);
      next.set(
        id,
        numbers(nextWeight).map((w, at) => (joined?.[at] === false ? 0 : this.#rounding(w))),
      );
    }
    this.weights = next;
  }
}

/** What the rate is multiplied by for the weights of a link or node. */
function learnOf(owner: GraphLink | GraphNode): number {
  return owner.learn ?? 1;
}

function numbersOf(tape: Tape, z: ReadonlyMap<string, readonly Cells[]>): Values {
  return new Map([...z].map(([node, samples]) => [node, samples.map((cells) => tape.numbers(cells))]));
}

function reading(leaves: Readonly<Record<string, Cells>>): (leaf: string) => Cells {
  return (leaf) => {
    const found = leaves[leaf];
    if (!found) throw new Error(`an optimiser reads no ${leaf}`);
    return found;
  };
}

type Ended = readonly [values: Values, energies: ReadonlyMap<string, number>];

export function onTape(tape: Tape, weights: Weights, { links, nodes }: Graph): Map<string, Cells> {
  const found = new Map<string, Cells>();
  for (const owner of [...links, ...nodes])
    for (const weight of owner.weights) {
      const id = weightId(owner, weight);
      if (!found.has(id)) found.set(id, tape.leaves(weight.shape, weights.get(id) ?? []));
    }
  return found;
}

function methodOf({ method }: TrainTask): Method {
  const number = (name: string, otherwise: number): number => {
    const value = method.arguments[name];
    return typeof value === 'number' ? value : otherwise;
  };
  const sign = method.arguments.sign;
  return {
    rule: method.name.split('.').at(-1) ?? '',
    steps: number('steps', 0),
    alpha: number('alpha', 0),
    rate: number('rate', 0),
    momentum: number('momentum', 0),
    beta: number('beta', 1),
    sign: typeof sign === 'object' && 'name' in sign ? sign.name : String(sign ?? 'positive'),
  };
}
