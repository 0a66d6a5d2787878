/** Names that every file knows without an import. */
import { isCallable, operators } from '../operators/table.ts';

/** Reserved words, for arguments and settings that take one of a few words. */
export const WORDS: ReadonlySet<string> = new Set([
  // precision, prior
  'learned',
  // ticks that the compiler counts
  'auto',
  'none',
  'zero',
  // where predictions begin
  'sweep',
  'noise',
  // signs of nudging
  'positive',
  'negative',
  'centred',
  // the last element, within an index
  'last',
  // the last part of an epoch
  'drop',
  'keep',
  // which nodes keep values
  'all',
  'borders',
  // units of text
  'characters',
  'bytes',
  // schedules
  'clusters',
  'nodes',
  'anywhere',
  'lockstep',
  'pipelined',
  'async',
  'wait',
  'absent',
]);

export const CONSTANTS: Readonly<Record<string, number | boolean>> = { true: true, false: false, pi: Math.PI };

export const INITIALIZER_NAMES: readonly string[] = [
  'zeros',
  'ones',
  'constant',
  'uniform',
  'uniform_fan_in',
  'normal',
  'xavier',
  'glorot',
  'kaiming',
];

/** Functions that are not operators: of shapes, of numbers known when compiling, of chance, and of the data. */
export const SHAPE_FUNCTIONS: readonly string[] = [
  'identity',
  'one_way',
  'dropped',
  'over_batch',
  'size',
  'shape',
  'channels',
  'extent',
  'flatten',
  'floor',
  'ceil',
  'round',
];
export const DATA_FUNCTIONS: readonly string[] = ['standardize', 'unstandardize'];
/** Members of a node that the reads of a predict task may name besides its values. */
export const NODE_READS = ['prediction', 'error', 'energy'] as const;

/** Element types of fields; `data.file` takes them as arguments. */
export const FIELD_TYPES: readonly string[] = ['u8', 'i32', 'f32', 'int', 'float'];

export const BUILTIN_NAMES: ReadonlySet<string> = new Set([
  ...WORDS,
  ...Object.keys(CONSTANTS),
  ...INITIALIZER_NAMES,
  ...SHAPE_FUNCTIONS,
  ...DATA_FUNCTIONS,
  ...NODE_READS,
  ...FIELD_TYPES,
  ...Object.keys(operators).filter(isCallable),
]);

/** Counters that are known in some places only, and why they have no meaning in the others. */
export const COUNTERS: ReadonlyMap<string, string> = new Map([
  [
    'tick',
    '`tick` counts in the `predict` of a link and the `energy` or `value` of a node; all else is the same in every tick',
  ],
  ['update', '`update` counts in an optimizer and its rate; all else is the same in every batch'],
  ['updates', '`updates` is known to an optimizer and its rate; all else is the same however long a training is'],
]);

/** Names that the statements of a definition may read besides its parameters. */
export const LEAVES: Readonly<Record<string, readonly string[]>> = {
  link: ['source', 'target', 'tick'],
  node: ['z', 'mu', 'tick', 'distance'],
  optimizer: ['weight', 'gradient', 'rate', 'step', 'update', 'updates', 'sum_over_weights'],
  rate: ['update', 'updates'],
};
