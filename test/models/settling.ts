/** The sweep and the energies of a batch: sections 1 to 3, and which node has an energy where. */
import type { Graph, GraphNode } from '../../compiler/4-graph/graph.ts';
import { isInCycle } from './cycles.ts';
import { evaluate } from './expressions.ts';
import type { Clamped } from './model-clamps.ts';
import { firstErrors } from './rest.ts';
import { type Cell, type Cells, Tape } from './tape.ts';

/** Values or slopes by node, sample and element. */
export type Values = ReadonlyMap<string, readonly (readonly number[])[]>;
type OnTape = ReadonlyMap<string, readonly Cells[]>;
type Weights = ReadonlyMap<string, Cells>;

/** What the steps of a sequence ended in, the first one first. */
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

export class Settling {
  readonly #network: Network;
  readonly #clamps: Clamped;
  readonly #samples: number;
  readonly #memory: Memory;
  #firstErrors: ReadonlyMap<string, number> | undefined;

  constructor(network: Network, clamps: Clamped, samples: number, memory: Memory) {
    this.#network = network;
    this.#clamps = clamps;
    this.#samples = samples;
    this.#memory = memory;
  }

  isHeld(node: string, sample: number, element: number): boolean {
    return this.#clamps.get(node)?.held[sample]?.[element] === true;
  }

  /** (9): the outputs held between their predictions and their clamps. */
  nudged(clamps: Clamped, weights: ReadonlyMap<string, readonly number[]>, beta: number): Settling {
    const { links } = this.#network.graph;
    const isOutput = (node: string): boolean => links.some((l) => l.target === node);
    const free = new Map([...clamps].filter(([node]) => !isOutput(node)));
    const u0 = new Settling(this.#network, free, this.#samples, this.#memory).sweep(weights);
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
    return new Settling(this.#network, held, this.#samples, this.#memory);
  }

  sweep(weights: ReadonlyMap<string, readonly number[]>): Values {
    const tape = new Tape();
    const { nodes, links } = this.#network.graph;
    const given = new Map<string, Cells>();
    for (const owner of [...links, ...nodes])
      for (const { name, shape } of owner.weights) {
        const id = `${owner.name}.${name}`;
        given.set(id, tape.leaves(shape, weights.get(id) ?? []));
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
      const samples = Array.from({ length: this.#samples }, (_, sample) => {
        const start = (): Cells => tape.leaves(node.shape, filled(node));
        const free = guessed(node) ? this.#predict(tape, weights, z, node, sample) : start();
        const values = this.#clamps.get(node.name)?.values[sample];
        const at = free.at.map((cell, i) =>
          this.isHeld(node.name, sample, i) ? tape.leaf(values?.[i] ?? Number.NaN) : cell,
        );
        return { shape: node.shape, at };
      });
      z.set(node.name, samples);
    };
    graph.nodes.forEach(visit);
    return z;
  }

  /** (2) @param tick since the sweep, as far as nodes may still be as it left them (section 3) */
  energyOn(tape: Tape, weights: Weights, z: OnTape, tick = Number.POSITIVE_INFINITY): Energies {
    const { graph } = this.#network;
    const energies = new Map<string, number>();
    const predictions = new Map<string, Cells[]>();
    const all: Cell[] = [];
    for (const node of graph.nodes) {
      const predicted = graph.links.some((l) => l.target === node.name);
      const counted: Cell[] = [];
      for (let sample = 0; sample < this.#samples; sample++) {
        const values = z.get(node.name)?.[sample] as Cells;
        const mu = predicted
          ? this.#predict(tape, weights, z, node, sample)
          : tape.leaves(
              node.shape,
              values.at.map(() => 0),
            );
        if (predicted) predictions.set(node.name, [...(predictions.get(node.name) ?? []), mu]);
        const rests = this.rests(node.name, tick);
        const own = (): Cells => tape.leaves(node.shape, tape.numbers(values));
        const [a, b] = rests ? [own(), own()] : [values, mu];
        const leaves = (name: string): Cells =>
          name === 'z' ? a : name === 'mu' ? b : weightOf(weights, node.name, name);
        const cells = evaluate(tape, node.energy, leaves);
        counted.push(
          ...cells.at.filter((_, i) =>
            this.#counts(node, predicted, sample, cells.at.length === values.at.length ? i : 'all'),
          ),
        );
      }
      if (counted.length === 0 && !this.#mayHaveEnergy(node, predicted)) continue;
      const total = tape.sum(counted);
      all.push(total);
      energies.set(node.name, tape.read(total) / this.#samples);
    }
    return { total: tape.sum(all), energies, predictions };
  }

  /** Whether no error can have reached a node so many ticks after the sweep (section 3). */
  rests(node: string, tick: number): boolean {
    this.#firstErrors ??= firstErrors(this.#network.graph, this.#clamps);
    return tick < (this.#firstErrors.get(node) ?? Number.POSITIVE_INFINITY);
  }

  /** Whether the outputs depend on what predicts a node (11). */
  teaches(node: string): boolean {
    if (this.#clamps.has(node)) return true;
    return this.#network.graph.links.some((l) => l.delay === 0 && l.source === node && this.teaches(l.target));
  }

  #mayHaveEnergy(node: GraphNode, predicted: boolean): boolean {
    if (this.#network.bp && !this.#clamps.has(node.name)) return false;
    return predicted || (this.#clamps.has(node.name) ? false : node.prior === 'zero');
  }

  /** The table of section 2. @param element one of the node's, or `all` where an energy is of several together */
  #counts(node: GraphNode, predicted: boolean, sample: number, element: number | 'all'): boolean {
    const held = this.#clamps.get(node.name)?.held[sample];
    const isHeld = (held && (element === 'all' ? held.every((h) => h) : held[element])) ?? false;
    if (this.#network.bp && !this.#clamps.has(node.name)) return false;
    if (node.clampedOnly) return isHeld && predicted;
    if (predicted) return true;
    return !isHeld && (this.#clamps.has(node.name) || node.prior === 'zero');
  }

  /** (1) and (17) */
  #predict(tape: Tape, weights: Weights, z: OnTape, node: GraphNode, sample: number): Cells {
    const { graph } = this.#network;
    const parts = graph.links
      .filter((l) => l.target === node.name)
      .map((link) => {
        const source = nodeOf(graph, link.source);
        const values =
          link.delay === 0
            ? (z.get(source.name)?.[sample] as Cells)
            : tape.leaves(source.shape, this.#remembered(source, sample, link.delay));
        const read = evaluate(tape, source.activation, () => values);
        return evaluate(tape, link.body, (name) => (name === 'source' ? read : weightOf(weights, link.name, name)));
      });
    const at = node.shape.length === 0 ? [0] : Array.from({ length: parts[0]?.at.length ?? 0 }, (_, i) => i);
    return { shape: node.shape, at: at.map((i) => tape.sum(parts.map((part) => part.at[i] as Cell))) };
  }

  #remembered(node: GraphNode, sample: number, delay: number): readonly number[] {
    const size = node.shape.reduce((a, b) => a * b, 1);
    return this.#memory[this.#memory.length - delay]?.get(node.name)?.[sample] ?? Array.from({ length: size }, () => 0);
  }
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

function weightOf(weights: Weights, owner: string, name: string): Cells {
  const found = weights.get(`${owner}.${name}`);
  if (!found) throw new Error(`no weight ${owner}.${name}`);
  return found;
}
