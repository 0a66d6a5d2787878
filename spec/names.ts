/**
 * Names that say several things at once. They are built and parsed here alone; everybody else asks by function or
 * compares what a function gave. Nodes, links, weights, fields and reads have names of the user's model: identifiers
 * with `.`, `[3]`, `->`, `~` and `#`. All other parts are the program's own.
 */

// Functions of a program.

export const TRAIN = 'train';
/**
 * In these two functions threads of one machine share a batch: each takes its half as far as its part of the mean
 * gradients, and the step moves the weights by the sum of both.
 */
export const LANE = 'train.lane';
export const STEP = 'train.step';
/** The stages of `train` for the last microbatch, where fewer samples are left for it. */
export const LAST = 'train.last';
/** Moves the weights when all microbatches of a batch have settled. */
export const MOVE = 'train.move';
const PREDICT = 'predict.';

/** Purpose of a function. A `segment` is a part of one, which a shard runs between messages. */
export type FunctionRole = 'train' | 'lane' | 'step' | 'last' | 'move' | 'predict' | 'segment' | 'other';

const ROLES: ReadonlyMap<string, FunctionRole> = new Map([
  [TRAIN, 'train'],
  [LANE, 'lane'],
  [STEP, 'step'],
  [LAST, 'last'],
  [MOVE, 'move'],
]);

export function functionRole(name: string): FunctionRole {
  const known = ROLES.get(name);
  if (known !== undefined) return known;
  if (taskOf(name) !== undefined) return 'predict';
  return name.startsWith(`${TRAIN}.`) || name.startsWith(PREDICT) ? 'segment' : 'other';
}

/** Whether a function trains: it settles and moves weights, behind the last batch of an epoch or another one. */
export const isTraining = (name: string): boolean => ['train', 'last'].includes(functionRole(name));

/** `predict.classify`. */
export const predictName = (task: string): string => `${PREDICT}${task}`;

/** The task of a prediction, of any size; undefined for other functions. */
export function taskOf(f: string): string | undefined {
  return /^predict\.([^.@]+)(?:@\d+)?$/.exec(f)?.[1];
}

/** A prediction for fewer samples at once than the plan's batch: `predict.classify@8`. */
export const sizedName = (f: string, batch: number): string => `${f}@${batch}`;

/** The function that one is a size of, and for how many samples; undefined for a function of the plan's own size. */
export function parseSized(name: string): { readonly f: string; readonly batch: number } | undefined {
  const match = /^(.+)@([1-9]\d*)$/.exec(name);
  return match ? { f: match[1] ?? '', batch: Number(match[2]) } : undefined;
}

/** A part of a function in a shard's program, by its stage and its place: `train.tick.0`. */
export const segmentName = (f: string, stage: string, index: number): string => `${f}.${stage}.${index}`;

/** What odd batches run where two are in flight. */
export const oddSegmentName = (segment: string): string => `${segment}.odd`;

// What an operation serves.

export type OriginKind = 'node' | 'link' | 'weight';
/** The node, link or weight that an operation serves, or a tile of it: `node h1`, `node h1/2`, `weight a->b.w`. */
export type OpOrigin = `${OriginKind} ${string}`;
/** A node or a link, or a tile of a node: where an operation or a state belongs. */
export type Owner = `node ${string}` | `link ${string}`;

export const nodeOrigin = (name: string): `node ${string}` => `node ${name}`;
export const linkOrigin = (name: string): `link ${string}` => `link ${name}`;
export const weightOrigin = (name: string): `weight ${string}` => `weight ${name}`;

/** The tile `i` of whatever it is. */
export const tileOrigin = <T extends OpOrigin>(of: T, i: number): T => `${of}/${i}` as T;
export const nodeTile = (node: string, i: number): `node ${string}` => tileOrigin(nodeOrigin(node), i);

export interface ParsedOrigin {
  readonly kind: OriginKind;
  readonly name: string;
  readonly tile?: number;
}

export function parseOrigin(origin: OpOrigin): ParsedOrigin {
  const at = origin.indexOf(' ');
  const kind = origin.slice(0, at) as OriginKind;
  const tile = /^(.+)\/(\d+)$/s.exec(origin.slice(at + 1));
  if (!tile) return { kind, name: origin.slice(at + 1) };
  return { kind, name: tile[1] ?? '', tile: Number(tile[2]) };
}

export function isOrigin(text: string): text is OpOrigin {
  return /^(node|link|weight) ./s.test(text);
}

export const servesLink = (origin: OpOrigin | undefined): boolean => origin?.startsWith('link ') === true;
export const servesWeight = (origin: OpOrigin | undefined): boolean => origin?.startsWith('weight ') === true;

/** Without the kind, as a plan names a piece: `h1/2`. */
export const plainName = (origin: OpOrigin): string => origin.slice(origin.indexOf(' ') + 1);

/** The weight, or the tile of one, that an operation serves. */
export function weightServed(origin: OpOrigin | undefined): string | undefined {
  return origin !== undefined && servesWeight(origin) ? plainName(origin) : undefined;
}

// States.

/** The name of a weight anywhere: in programs, in checkpoints, in the stream that draws it. */
export const weightName = (owner: string, weight: string): string => `${owner}.${weight}`;

/** A tensor beside a weight, as large as it is: an optimiser's (`pixels->h1.w:m`). */
export const besideName = (whole: string, what: string): string => `${whole}:${what}`;
/** Which elements of a thinned weight exist. */
export const maskName = (weight: string): string => besideName(weight, 'mask');
/** Where the elements of a thinned weight lie that is kept as a list. */
export const connectionsName = (weight: string): string => besideName(weight, 'connections');
/** The sum that the microbatches of a batch have of one weight's mean gradient. */
export const sumName = (weight: string): string => besideName(weight, 'sum');
/** The drawn values where a node begins. */
export const startName = (node: string): string => besideName(node, 'start');

/** Taken apart again; undefined where the state stands beside nothing. */
export function parseBeside(state: string): { readonly whole: string; readonly what: string } | undefined {
  const at = state.lastIndexOf(':');
  return at < 0 ? undefined : { whole: state.slice(0, at), what: state.slice(at + 1) };
}

/** Values of a node so many steps before, within one function. */
export const pastName = (node: string, delay: number): string => `${node}#${delay}`;
/** The same as a state: `memory:train:h#1`. */
export const memoryName = (f: string, node: string, delay: number): string => `memory:${f}:${pastName(node, delay)}`;
/** The draw at which a node begins in one function: `noise:predict.p:x`. */
export const noiseName = (f: string, node: string): string => `noise:${f}:${node}`;

export interface Memory {
  readonly f: string;
  readonly node: string;
  /** Absent for noise. */
  readonly delay?: number;
}

export function parseMemory(state: string): Memory | undefined {
  const memory = /^memory:([^:]+):(.+)#(\d+)$/s.exec(state);
  if (memory) return { f: memory[1] ?? '', node: memory[2] ?? '', delay: Number(memory[3]) };
  const noise = /^noise:([^:]+):(.+)$/s.exec(state);
  return noise ? { f: noise[1] ?? '', node: noise[2] ?? '' } : undefined;
}

/** Names of memory and noise in an export: `memory.h.1`, `noise.x`. */
export function publicMemoryName({ node, delay }: Memory): string {
  return delay === undefined ? `noise.${node}` : `memory.${node}.${delay}`;
}

const HELD = 'held:';
/** A value that a shard keeps from one segment of a function to the next. */
export const heldName = (f: string, value: string): string => `${HELD}${f}:${value}`;
export const isHeldName = (state: string): boolean => state.startsWith(HELD);

export type Parity = 'even' | 'odd';
/** The place of a weight, or of a sum, that batches of this parity have for themselves. */
export const parityName = (state: string, parity: Parity): string => `${state}@${parity}`;

/** A tile of a state or a value. */
export const tileName = (id: string, i: number): string => `${id}/${i}`;

/** The whole and the number of a tile; undefined for what is not a tile. */
export function parseTile(name: string): { readonly whole: string; readonly tile: number } | undefined {
  const match = /^(.+)\/(\d+)$/s.exec(name);
  return match ? { whole: match[1] ?? '', tile: Number(match[2]) } : undefined;
}

// Values that a loop carries.

const INSIDE = 'in:';
const AFTER = 'out:';
/** A carry as the loop's body sees it. */
export const insideName = (name: string): string => `${INSIDE}${name}`;
/** A carry after the last iteration. */
export const afterName = (name: string): string => `${AFTER}${name}`;
const VALUE = 'z.';
/** The values of a node. */
export const valueName = (node: string): string => `${VALUE}${node}`;
const DEVIATION = 'd.';
/** What a node's values deviate from the forward sweep by, where they are kept so. */
export const deviationName = (node: string): string => `${DEVIATION}${node}`;
/** Of values of a node behind the ticks: their name in a tick; nothing for all else, errors included. */
export function ofValuesInside(name: string): string | undefined {
  const carry = name.slice(AFTER.length);
  const areValues = name.startsWith(AFTER) && [VALUE, DEVIATION].some((kind) => carry.startsWith(kind));
  return areValues ? insideName(carry) : undefined;
}
/** The velocity of a node's values, where settling has momentum. */
export const velocityName = (node: string): string => `v.${node}`;

/** The multipliers of a node, which keep it at its prediction. */
export const dualName = (node: string): string => `dual.${node}`;

/** Of a node that may rest: the error that it sends on, ticks in a row in which that changed little, and whether it rests. */
export const restingErrorName = (node: string): string => `error.${node}`;
export const calmName = (node: string): string => `calm.${node}`;
export const restName = (node: string): string => `rest.${node}`;

/** The error of a node, where errors settle and values do not. */
export const deltaName = (node: string): string => `delta.${node}`;

/** Whether a carry, as the body sees it, is a node's values, or what they deviate by. */
export const isValueInside = (id: string): boolean =>
  [VALUE, DEVIATION].some((kind) => id.startsWith(`${INSIDE}${kind}`));

/** Whether a carry, inside the loop or behind it, is a node's values, or a tile of them: not what they deviate by. */
export const isCarriedValue = (id: string): boolean =>
  [insideName(VALUE), afterName(VALUE)].some((k) => id.startsWith(k));

// Leaves of expressions: what a clamp, a start or a read is made of.

/** Members of a node that a read may ask for. */
export type NodeLeaf = 'node' | 'prediction' | 'energy';
export const nodeLeaf = (what: NodeLeaf, node: string): string => `${what}:${node}`;

export function parseNodeLeaf(leaf: string): { readonly what: NodeLeaf; readonly node: string } | undefined {
  const match = /^(node|prediction|energy):(.+)$/s.exec(leaf);
  return match ? { what: match[1] as NodeLeaf, node: match[2] ?? '' } : undefined;
}

/** A sample of the batch; with an index, the share of the batch that one replica of an array sees. */
export const sampleLeaf = (replica?: number): string => (replica === undefined ? 'sample' : `sample[${replica}]`);
/** `sample.image`, `sample[3].image`. */
export const fieldLeaf = (sample: string, field: string): string => `${sample}.${field}`;

export function parseFieldLeaf(leaf: string): { readonly field: string; readonly replica?: number } | undefined {
  const match = /^sample(?:\[(\d+)\])?\.(.+)$/s.exec(leaf);
  if (!match) return undefined;
  return { field: match[2] ?? '', ...(match[1] === undefined ? {} : { replica: Number(match[1]) }) };
}

/** Where the leaf of a draw of noise is asked for, of whatever number: all of one expression have one shape. */
export const ANY_DRAW = 'noise:';
/** A draw of noise in settling, anew in every tick. */
export const drawLeaf = (i: number): string => `${ANY_DRAW}${i}`;
export const isDrawLeaf = (leaf: string): boolean => leaf.startsWith(ANY_DRAW);

/** Where the leaf of a mask is asked for, of whatever number and share. */
export const ANY_KEPT = 'kept:';
/** What elements are multiplied by of which a training drops a share: 0, or one over what is left. */
export const keptLeaf = (i: number, share: number): string => `${ANY_KEPT}${i}:${share}`;

/** The draw of a mask, and the share that is dropped; undefined for other leaves. */
export function parseKeptLeaf(leaf: string): { readonly draw: string; readonly share: number } | undefined {
  const match = /^kept:(\d+):(.+)$/.exec(leaf);
  return match ? { draw: match[1] ?? '', share: Number(match[2]) } : undefined;
}

/** The field of a data set that numbers its samples, for what a training draws of each. No field of the user is named so. */
export const SAMPLE_NUMBER = '#number';

/** An identity node that stands in a link which skips levels. */
export const levelNodeName = (link: string, i: number): string => `${link}~${i}`;

/** The link that such a node stands in; undefined for other nodes. */
export function linkOfLevelNode(node: string): string | undefined {
  return /^(.*)~\d+$/s.exec(node)?.[1];
}

// Results, inputs and sums.

const ENERGY = 'energy.';
/** The mean energy of a node in one batch, and its sum over an epoch. */
export const energyName = (node: string): string => `${ENERGY}${node}`;

/** The node whose energy it is; undefined for other results. */
export function energyNode(result: string): string | undefined {
  return result.startsWith(ENERGY) ? result.slice(ENERGY.length) : undefined;
}

const GRADIENT = 'gradient.';
/** The name under which a lane hands over its part of a weight's mean gradient. */
export const gradientName = (weight: string): string => `${GRADIENT}${weight}`;
export const isGradientName = (result: string): boolean => result.startsWith(GRADIENT);

/** Scores that a read has chosen from. */
export const scoresName = (read: string): string => `${read}.scores`;

/** A field of the data as an input of a kernel. */
export const inputName = (field: string): string => `in:${field}`;

/** A result of a kernel that is made of another one in its shape. */
export const outputName = (i: number): string => `out:${i}`;

/** The sums that evaluation `i` adds up over an epoch; `of`: elements or pairs of which its sum is a share. */
export const comparedNames = (i: number): { readonly sum: string; readonly count: string; readonly of: string } => ({
  sum: `sum.${i}`,
  count: `count.${i}`,
  of: `of.${i}`,
});

/** What calls of a run are measured by: those of evaluation `i`. */
export const evaluationKind = (i: number): string => `evaluate.${i}`;
