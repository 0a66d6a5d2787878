/** The sweep and the energies of a batch: sections 1 to 3, and which node has an energy where. */
import type { Graph, GraphLink, GraphNode } from '../../compiler/4-graph/graph.ts';
import { isInCycle } from './cycles.ts';
import { evaluate } from './expressions.ts';
import type { Clamped } from './model-clamps.ts';
import { noiseAt } from './noise.ts';
import { weightId } from './owned.ts';
import { firstErrors } from './rest.ts';
import { type Cell, type Cells, Tape } from './tape.ts';

/** Values or slopes by node, sample and element. */
export type Values = ReadonlyMap<string, readonly (readonly number[])[]>;
type OnTape = ReadonlyMap<string, readonly Cells[]>;
type Weights = ReadonlyMap<string, Cells>;

/** States at the end of the steps of a sequence, the first one first. */
export type Memory = readonly Values[];

export interface Network {
  readonly graph: Graph;
  /** Free nodes are their predictions and have no energy (11). */
  readonly bp: boolean;
}

export interface Energies {
  readonly total: Cell;
  readonly energies: ReadonlyMap<string, number>;
  /** mu of the nodes that some link predicts. */
  readonly predictions: OnTape;
}

/** Surroundings in which a batch, or a step of it, settles. */
export interface Surroundings {
  readonly clamps: Clamped;
  /** Where free nodes begin, instead of at their predictions. */
  readonly starts: Clamped;
  readonly samples: number;
  readonly memory: Memory;
  readonly batch: number;
  readonly step: number;
  /** Rounds draws as a machine whose numbers are shorter does. */
  readonly rounding: (x: number) => number;
  readonly short: boolean;
}

export class Settling {
  readonly #network: Network;
  readonly #around: Surroundings;
  #firstErrors: ReadonlyMap<string, number> | undefined;

  constructor(network: Network, around: Surroundings) {
    this.#network = network;
    this.#around = around;
  }

  isHeld(node: string, sample: number, element: number): boolean {
    return isHeldBy(this.#around.clamps, node, sample, element);
  }

  /** (9): the outputs held between their predictions and their clamps. */
  nudged(weights: ReadonlyMap<string, readonly number[]>, beta: number): Settling {
    const { clamps } = this.#around;
    const { links } = this.#network.graph;
    const isOutput = (node: string): boolean => links.some((l) => l.target === node);
    const free = new Map([...clamps].filter(([node]) => !isOutput(node)));
    const u0 = new Settling(this.#network, { ...this.#around, clamps: free, starts: new Map() }).sweep(weights);
    const held = new Map(
      [...clamps].map(([node, clamp]) => {
        if (!isOutput(node)) return [node, clamp];
        const values = clamp.values.map((y, s) =>
          y.map((target, i) => {
            const u = u0.get(node)?.[s]?.[i] ?? 0;
            return u - beta * (u - target);
          }),
        );
        return [node, { ...clamp, values }];
      }),
    );
    return new Settling(this.#network, { ...this.#around, clamps: held });
  }

  sweep(weights: ReadonlyMap<string, readonly number[]>): Values {
    const tape = new Tape(this.#around.short);
    const { nodes, links } = this.#network.graph;
    const given = new Map<string, Cells>();
    for (const owner of [...links, ...nodes])
      for (const weight of owner.weights) {
        const id = weightId(owner, weight);
        if (!given.has(id)) given.set(id, tape.leaves(weight.shape, weights.get(id) ?? []));
      }
    const z = this.sweepOn(tape, given);
    return new Map([...z].map(([node, samples]) => [node, samples.map((cells) => tape.numbers(cells))]));
  }

  /** (3) */
  sweepOn(tape: Tape, weights: Weights): OnTape {
    const { graph } = this.#network;
    const z = new Map<string, Cells[]>();
    const guessed = (node: GraphNode): boolean =>
      graph.links.some((l) => l.target === node.name) && !isInCycle(graph, node.name);
    const visit = (node: GraphNode): void => {
      if (z.has(node.name)) return;
      if (guessed(node))
        for (const link of graph.links)
          if (link.target === node.name && link.delay === 0) visit(nodeOf(graph, link.source));
      const { clamps, starts } = this.#around;
      if (node.value) {
        for (const link of graph.links)
          if (link.target === node.name && link.delay === 0) visit(nodeOf(graph, link.source));
        z.set(node.name, this.#exact(tape, weights, z, node, 0).values);
        return;
      }
      const samples = Array.from({ length: this.#around.samples }, (_, sample) => {
        const start = (): Cells => tape.leaves(node.shape, filled(node));
        const [free] = guessed(node) ? this.#predict(tape, weights, z, node, sample, 0) : [start()];
        const at = (free as Cells).at.map((cell, i) => {
          const given = [clamps, starts].find((some) => isHeldBy(some, node.name, sample, i));
          return given ? tape.leaf(given.get(node.name)?.values[sample]?.[i] ?? Number.NaN) : cell;
        });
        return { shape: node.shape, at };
      });
      z.set(node.name, samples);
    };
    graph.nodes.forEach(visit);
    return z;
  }

  /** (2a): the values with those of exact nodes in place of what was there, and the predictions that these are made of. */
  exactOn(tape: Tape, weights: Weights, values: OnTape, tick: number): { readonly z: OnTape; readonly mus: OnTape } {
    const { graph } = this.#network;
    const z = new Map([...values].filter(([name]) => !nodeOf(graph, name).value));
    const mus = new Map<string, Cells[]>();
    const visit = (node: GraphNode): void => {
      if (z.has(node.name)) return;
      for (const link of graph.links)
        if (link.target === node.name && link.delay === 0) visit(nodeOf(graph, link.source));
      const made = this.#exact(tape, weights, z, node, tick);
      z.set(node.name, made.values);
      mus.set(node.name, made.mus);
    };
    graph.nodes.forEach(visit);
    return { z, mus };
  }

  #exact(tape: Tape, weights: Weights, z: OnTape, node: GraphNode, tick: number): { values: Cells[]; mus: Cells[] } {
    const { value } = node;
    if (!value) throw new Error(`${node.name} is not exact`);
    const samples = Array.from({ length: this.#around.samples }, (_, sample) => sample);
    const mus = samples.flatMap((sample) => this.#predict(tape, weights, z, node, sample, tick));
    const of = (mu: Cells) => evaluate(tape, value, (name) => (name === 'mu' ? mu : weightOf(weights, node, name)));
    return { mus, values: mus.map(of) };
  }

  /** (2) @param moved whether nodes are no longer as the sweep left them, whatever the tick (section 3) */
  energyOn(tape: Tape, weights: Weights, z: OnTape, tick: number, moved = true): Energies {
    const { graph } = this.#network;
    const energies = new Map<string, number>();
    const predictions = new Map<string, Cells[]>();
    const all: Cell[] = [];
    for (const node of graph.nodes.filter((n) => !n.value)) {
      const predicted = graph.links.some((l) => l.target === node.name);
      const counted: Cell[] = [];
      for (let sample = 0; sample < this.#around.samples; sample++) {
        const values = z.get(node.name)?.[sample] as Cells;
        const zeros = (): Cells => tape.leaves(node.shape, new Float64Array(values.at.length));
        const mus = predicted ? this.#predict(tape, weights, z, node, sample, tick) : [zeros()];
        if (predicted) predictions.set(node.name, [...(predictions.get(node.name) ?? []), ...mus]);
        const rests = !moved && this.rests(node.name, tick);
        const own = (): Cells => tape.leaves(node.shape, tape.numbers(values));
        for (const mu of mus) {
          const [a, b] = rests ? [own(), own()] : [values, mu];
          const leaves = (name: string): Cells =>
            name === 'z'
              ? a
              : name === 'mu'
                ? b
                : (this.#now(tape, `node ${node.name}`, name, node, sample, tick) ?? weightOf(weights, node, name));
          const cells = evaluate(tape, node.energy, leaves);
          counted.push(
            ...cells.at.filter((_, i) =>
              this.#counts(node, predicted, sample, cells.at.length === values.at.length ? i : 'all'),
            ),
          );
        }
      }
      if (counted.length === 0 && !this.#mayHaveEnergy(node, predicted)) continue;
      const total = tape.sum(counted);
      all.push(total);
      energies.set(node.name, tape.read(total) / this.#around.samples);
    }
    return { total: tape.sum(all), energies, predictions };
  }

  /** Whether no error can have reached a node so many ticks after the sweep (section 3). */
  rests(node: string, tick: number): boolean {
    this.#firstErrors ??= firstErrors(this.#network.graph, this.#around.clamps, this.#around.starts);
    return tick < (this.#firstErrors.get(node) ?? Number.POSITIVE_INFINITY);
  }

  /** Whether the outputs depend on what predicts a node (11). */
  teaches(node: string): boolean {
    if (this.#around.clamps.has(node)) return true;
    return this.#network.graph.links.some((l) => l.delay === 0 && l.source === node && this.teaches(l.target));
  }

  #mayHaveEnergy(node: GraphNode, predicted: boolean): boolean {
    const clamped = this.#around.clamps.has(node.name);
    if (this.#network.bp && !clamped) return false;
    return predicted || (clamped ? false : node.prior === 'zero');
  }

  /** The table of section 2. @param element one of the node's, or `all` where an energy is of several together */
  #counts(node: GraphNode, predicted: boolean, sample: number, element: number | 'all'): boolean {
    const clamp = this.#around.clamps.get(node.name);
    const held = clamp?.held[sample];
    const isHeld = (held && (element === 'all' ? held.every((h) => h) : held[element])) ?? false;
    if (this.#network.bp && !clamp) return false;
    if (node.clampedOnly) return isHeld && predicted;
    if (predicted) return true;
    return !isHeld && (clamp !== undefined || node.prior === 'zero');
  }

  /** (1c) and (17): the prediction of the links that add up, and of each that is apart. */
  #predict(tape: Tape, weights: Weights, z: OnTape, node: GraphNode, sample: number, tick: number): Cells[] {
    const { graph } = this.#network;
    const into = graph.links.filter((l) => l.target === node.name);
    const together = into.filter((l) => !l.apart);
    const groups = [together, ...into.filter((l) => l.apart).map((link) => [link])].filter((g) => g.length > 0);
    return groups.map((links) => {
      const parts = links.map((link) => this.#partOf(tape, weights, z, node, link, sample, tick));
      const at = (parts[0]?.at ?? []).map((_, i) => tape.sum(parts.map((part) => part.at[i] as Cell)));
      return { shape: node.shape, at };
    });
  }

  #partOf(
    tape: Tape,
    weights: Weights,
    z: OnTape,
    target: GraphNode,
    link: GraphLink,
    sample: number,
    tick: number,
  ): Cells {
    const source = nodeOf(this.#network.graph, link.source);
    const values =
      link.delay === 0
        ? (z.get(source.name)?.[sample] as Cells)
        : tape.leaves(source.shape, this.#remembered(source, sample, link.delay));
    const read = evaluate(tape, source.activation, () => values);
    const owner = `link ${link.name}`;
    return evaluate(tape, link.body, (name) =>
      name === 'source' ? read : (this.#now(tape, owner, name, target, sample, tick) ?? weightOf(weights, link, name)),
    );
  }

  /** Names of settling that a definition may read (section 5): the tick, the distance, or a draw for each element. */
  #now(tape: Tape, owner: string, leaf: string, node: GraphNode, sample: number, tick: number): Cells | undefined {
    const { shape } = node;
    if (leaf === 'tick') return tape.leaves([], [tick]);
    if (leaf === 'distance') return tape.leaves([], [this.#distance(node)]);
    if (!leaf.startsWith('noise:')) return undefined;
    const size = shape.reduce((a, b) => a * b, 1);
    const draw = (_: unknown, i: number): number =>
      this.#around.rounding(noiseAt(`${owner}:${leaf}`, i, sample, { ...this.#around, tick }));
    return tape.leaves(shape, Array.from({ length: size }, draw));
  }

  /** (5a), by trying all ways of one length after the other. */
  #distance({ name }: GraphNode): number {
    const { graph } = this.#network;
    const isOutput = (node: string): boolean =>
      this.#around.clamps.has(node) && graph.links.some((l) => l.target === node);
    const most = graph.nodes.length;
    const within = new Map(graph.nodes.filter((n) => isOutput(n.name)).map((n) => [n.name, 0]));
    for (let round = 0; round < most; round++)
      for (const { source, target, delay } of graph.links) {
        const below = within.get(target);
        if (below === undefined || delay > 0) continue;
        const further = below + (nodeOf(graph, source).value ? 0 : 1);
        if (further < (within.get(source) ?? most)) within.set(source, further);
      }
    return within.get(name) ?? -1;
  }

  #remembered(node: GraphNode, sample: number, delay: number): readonly number[] {
    const size = node.shape.reduce((a, b) => a * b, 1);
    const { memory } = this.#around;
    return memory[memory.length - delay]?.get(node.name)?.[sample] ?? Array.from({ length: size }, () => 0);
  }
}

function isHeldBy(clamps: Clamped, node: string, sample: number, element: number): boolean {
  return clamps.get(node)?.held[sample]?.[element] === true;
}

function filled(node: GraphNode): number[] {
  if (node.start.kind !== 'constant') throw new Error('the interpreter draws no start');
  const { value } = node.start;
  return Array.from({ length: node.shape.reduce((a, b) => a * b, 1) }, () => value);
}

function nodeOf(graph: Graph, name: string): GraphNode {
  const found = graph.nodes.find((n) => n.name === name);
  if (!found) throw new Error(`no node ${name}`);
  return found;
}

function weightOf(weights: Weights, owner: GraphNode | GraphLink, name: string): Cells {
  const weight = owner.weights.find((w) => w.name === name);
  const found = weight && weights.get(weightId(owner, weight));
  if (!found) throw new Error(`no weight ${name} of ${owner.name}`);
  return found;
}
