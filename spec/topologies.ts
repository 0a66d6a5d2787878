/**
 * Wiring: which of `sources` elements is joined to which of `targets`. Elements are nodes of arrays, or units of two
 * nodes. Everything random depends on the stream and the target's number alone, so any part can be made anywhere.
 */
import { type RandomStream, stream } from './random.ts';

/**
 * Which connections of a link exist. `unitConnections` lists them. Links of one statement into the
 * same target draw together: `[a, b] -> c along topology.fixed_indegree(64)` gives each unit of c 64 inputs in all.
 */
export interface Sparsity {
  /** The weight of shape [size(target), size(source)] that is thinned. */
  readonly weight: string;
  /** A topology of std/topology: `random`, `fixed_indegree`. */
  readonly topology: string;
  readonly arguments: Readonly<Record<string, number>>;
  /** Random stream, shared by the links that draw together. */
  readonly stream: string;
  readonly seed: number;
  /** This link's source units are `offset` … among the `total` units drawn from. */
  readonly offset: number;
  readonly total: number;
  /** Share of all connections that exist, exact or expected. */
  readonly density: number;
}

export interface Population {
  readonly sources: number;
  readonly targets: number;
  /** Source and target are the same elements: none is joined with itself, except by `one_to_one`. */
  readonly same: boolean;
}

/** Sources of one target, in increasing order. */
type Incoming = (target: number, population: Population, options: Options, rng: RandomStream) => number[];
type Options = Readonly<Record<string, number>>;

interface Topology {
  readonly incoming: Incoming;
  /** Why it cannot hold for this many elements. */
  readonly refuse?: (population: Population, options: Options) => string | undefined;
}

const option = (options: Options, name: string): number => options[name] ?? 0;

/** Sources that a target may have: all, but not itself. */
const available = ({ sources, same }: Population): number => (same ? sources - 1 : sources);

const needsEqual = ({ sources, targets }: Population): string | undefined =>
  sources === targets
    ? undefined
    : `it joins as many as ${sources} with ${targets}, and needs the same number on both sides`;

const TOPOLOGIES: Readonly<Record<string, Topology>> = {
  all: { incoming: (target, population) => range(population.sources).filter((i) => !population.same || i !== target) },
  one_to_one: { incoming: (target) => [target], refuse: needsEqual },
  /** A line: every element but the first has the one before it. */
  chain: { incoming: (target) => (target === 0 ? [] : [target - 1]), refuse: needsEqual },
  /** Neighbours up to `reach` places away on a ring. */
  ring: {
    incoming: (target, { sources }, options) => {
      const found = new Set<number>();
      for (let d = 1; d <= option(options, 'reach'); d++)
        found.add((target + d) % sources).add((((target - d) % sources) + sources) % sources);
      found.delete(target);
      return sorted(found);
    },
    refuse: (population, options) =>
      needsEqual(population) ?? tooMany(2 * option(options, 'reach'), population.sources - 1, 'neighbours'),
  },
  /** Rows of `width` elements; neighbours at most `reach` steps away along rows and columns together. */
  grid: {
    incoming: (target, { sources }, options) =>
      gridNeighbours(target, sources, option(options, 'width'), option(options, 'reach')),
    refuse: (population, options) =>
      needsEqual(population) ??
      (population.sources % option(options, 'width') === 0
        ? undefined
        : `${population.sources} elements do not fill rows of ${option(options, 'width')}`),
  },
  /** Exactly `n` sources for every target, drawn without repetition. */
  fixed_indegree: {
    incoming: (target, population, options, rng) => sample(target, population, option(options, 'n'), rng),
    refuse: (population, options) => tooMany(option(options, 'n'), available(population), 'sources'),
  },
  /** The `degree` nearest on a ring, each replaced by a random one with probability `rewire` (Watts and Strogatz 1998). */
  small_world: {
    incoming: smallWorld,
    refuse: (population, options) =>
      tooMany(
        option(options, 'degree'),
        population.sources === population.targets ? population.sources - 1 : population.sources,
        'sources',
      ),
  },
  /** Every pair with probability `density`. */
  random: {
    incoming: (target, population, options, rng) =>
      range(population.sources).filter(
        (i) =>
          (!population.same || i !== target) &&
          rng.uniform(target * population.sources + i) < option(options, 'density'),
      ),
  },
  /** Every pair with probability exp(-d / scale); d is the distance around a ring of length 1. */
  distance: {
    incoming: (target, population, options, rng) =>
      range(population.sources).filter((i) => {
        if (population.same && i === target) return false;
        const apart = Math.abs(i / population.sources - target / population.targets);
        const d = Math.min(apart, 1 - apart);
        return rng.uniform(target * population.sources + i) < Math.exp(-d / option(options, 'scale'));
      }),
  },
};

/** Names of the topologies that are built in. */
export const TOPOLOGY_NAMES: readonly string[] = Object.keys(TOPOLOGIES);

/** Why the topology cannot hold for these numbers of elements; undefined when it can. */
export function refusal(topology: string, options: Options, population: Population): string | undefined {
  return TOPOLOGIES[topology]?.refuse?.(population, options);
}

/** Sources of each target, in order. The caller has asked `refusal` before. */
export function incomingOf(
  topology: string,
  options: Options,
  population: Population,
  rng: RandomStream,
): (target: number) => number[] {
  const made = TOPOLOGIES[topology];
  if (!made) throw new Error(`no topology ${topology}`);
  return (target) => made.incoming(target, population, options, rng);
}

/** Pairs of units, by target and then by source. */
export interface Connections {
  readonly sources: Uint32Array;
  readonly targets: Uint32Array;
}

/** The unit-level connections of one link of `sourceSize` by `targetSize` units. */
export function unitConnections(sparsity: Sparsity, sourceSize: number, targetSize: number): Connections {
  const population = { sources: sparsity.total, targets: targetSize, same: false };
  const rng = stream(sparsity.seed, sparsity.stream);
  const incoming = incomingOf(sparsity.topology, sparsity.arguments, population, rng);
  const sources: number[] = [];
  const targets: number[] = [];
  for (let target = 0; target < targetSize; target++)
    for (const drawn of incoming(target)) {
      const source = drawn - sparsity.offset;
      if (source < 0 || source >= sourceSize) continue;
      sources.push(source);
      targets.push(target);
    }
  return { sources: Uint32Array.from(sources), targets: Uint32Array.from(targets) };
}

/** Connections are counted in steps of so many. */
const STEP = 16;

/**
 * Room for the connections of one link: what chance leaves room for, so that the equal links of an array take equally
 * much and can be computed together.
 */
export function connectionRoom(sparsity: Sparsity, sourceSize: number, targetSize: number): number {
  const there = unitConnections(sparsity, sourceSize, targetSize).sources.length;
  const expected = sparsity.density * sourceSize * targetSize;
  const likely = expected + 6 * Math.sqrt(expected * (1 - Math.min(1, sparsity.density)));
  const most = sourceSize * targetSize;
  const exact = sparsity.topology === 'fixed_indegree' && sparsity.total === sourceSize;
  return exact ? there : Math.min(most, Math.ceil(Math.max(1, there, likely) / STEP) * STEP);
}

/** Expected share of all pairs that are joined. */
export function densityOf(topology: string, options: Options, population: Population): number {
  if (topology === 'random') return option(options, 'density');
  if (topology === 'fixed_indegree') return option(options, 'n') / population.sources;
  if (topology === 'small_world') return option(options, 'degree') / population.sources;
  if (topology === 'one_to_one') return 1 / population.sources;
  if (topology === 'all') return 1;
  const rng = stream(0, 'density');
  const incoming = incomingOf(topology, options, population, rng);
  const step = Math.max(1, Math.floor(population.targets / 64)); // an estimate from some of the targets
  let joined = 0;
  let asked = 0;
  for (let target = 0; target < population.targets; target += step) {
    joined += incoming(target).length;
    asked += population.sources;
  }
  return joined / asked;
}

function tooMany(wanted: number, there: number, what: string): string | undefined {
  return wanted <= there ? undefined : `it wants ${wanted} ${what}, and there are ${there}`;
}

function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

function sorted(values: Iterable<number>): number[] {
  return [...values].sort((a, b) => a - b);
}

function gridNeighbours(target: number, count: number, width: number, reach: number): number[] {
  const found: number[] = [];
  const row = Math.floor(target / width);
  const column = target % width;
  for (let dy = -reach; dy <= reach; dy++)
    for (let dx = -reach; dx <= reach; dx++) {
      const [y, x] = [row + dy, column + dx];
      const steps = Math.abs(dx) + Math.abs(dy);
      if (steps === 0 || steps > reach || x < 0 || x >= width || y < 0 || y * width + x >= count) continue;
      found.push(y * width + x);
    }
  return found;
}

/** Floyd's sampling without repetition (Bentley and Floyd 1987): n draws, whatever the number of sources. */
function sample(target: number, population: Population, n: number, rng: RandomStream): number[] {
  const count = available(population);
  const chosen = new Set<number>();
  for (let k = 0; k < n; k++) {
    const top = count - n + k;
    const drawn = Math.floor(rng.uniform(target * n + k) * (top + 1));
    chosen.add(chosen.has(drawn) ? top : drawn);
  }
  return sorted(population.same ? [...chosen].map((i) => (i >= target ? i + 1 : i)) : chosen);
}

function smallWorld(target: number, { sources, targets }: Population, options: Options, rng: RandomStream): number[] {
  const degree = option(options, 'degree');
  const own = sources === targets ? target : -1;
  const centre = Math.floor((target * sources) / targets);
  const chosen = new Set<number>();
  for (let k = own < 0 ? 0 : 1; chosen.size < degree; k++) {
    const offset = k % 2 === 1 ? (k + 1) / 2 : -k / 2;
    chosen.add((((centre + offset) % sources) + sources) % sources);
  }
  for (const [k, neighbour] of [...chosen].entries()) {
    const draw = DRAWS * (target * degree + k);
    if (rng.uniform(draw) >= option(options, 'rewire')) continue;
    const other = drawOther(sources, rng, draw + 1, (i) => i === own || chosen.has(i));
    if (other === undefined) continue;
    chosen.delete(neighbour);
    chosen.add(other);
  }
  return sorted(chosen);
}

/** Random numbers set aside for one rewired connection. */
const DRAWS = 32;

/** A random element that is not taken; the nearest free one after it when chance keeps hitting taken ones. */
function drawOther(
  sources: number,
  rng: RandomStream,
  first: number,
  taken: (i: number) => boolean,
): number | undefined {
  let drawn = 0;
  for (let attempt = 0; attempt < DRAWS - 1; attempt++) {
    drawn = Math.floor(rng.uniform(first + attempt) * sources);
    if (!taken(drawn)) return drawn;
  }
  for (let step = 1; step < sources; step++) if (!taken((drawn + step) % sources)) return (drawn + step) % sources;
  return undefined;
}
