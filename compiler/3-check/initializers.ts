/** How weights begin: `zeros`, `uniform_fan_in`, … with their numbers worked out from the fans. */
import type { Initializer, InitializerValue } from './checked.ts';
import { isKind, type Term } from './term.ts';

export interface Fans {
  /** Units that feed one unit of the target. */
  readonly in: number;
  /** Units that one unit of the source feeds. */
  readonly out: number;
}

/** Arguments of each initialiser; undefined: none is needed. The first may be given without its name. */
export const INITIALIZERS: Readonly<Record<string, Readonly<Record<string, number | undefined | 'needed'>>>> = {
  zeros: {},
  ones: {},
  /** All the same number. */
  constant: { value: 'needed' },
  /** U(-bound, bound). */
  uniform: { bound: 'needed' },
  /** U(±1 / sqrt(fan)): what most libraries begin a linear layer with. */
  uniform_fan_in: { fan: undefined },
  /** N(0, std²). */
  normal: { std: 1 },
  /** U(±gain sqrt(6 / (fan in + fan out))) (Glorot and Bengio 2010, equation 16). */
  xavier: { gain: 1, fan: undefined, fan_out: undefined },
  glorot: { gain: 1, fan: undefined, fan_out: undefined },
  /** N(0, gain² / fan in), gain sqrt(2) by default (He et al. 2015, equation 10). */
  kaiming: { gain: Math.SQRT2, fan: undefined },
};

/** @param rank axes of the weight: `identity` has no diagonal in a vector, which then begins at 0 */
export function makeInitializer(value: InitializerValue, fans: Fans, rank: number): Initializer {
  const { arguments: given } = value;
  switch (value.name) {
    case 'zeros':
      return { kind: 'constant', value: 0 };
    case 'ones':
      return { kind: 'constant', value: 1 };
    case 'constant':
      return { kind: 'constant', value: given.value ?? 0 };
    case 'uniform':
      return { kind: 'uniform', bound: given.bound ?? 0 };
    case 'uniform_fan_in':
      return { kind: 'uniform', bound: 1 / Math.sqrt(given.fan ?? fans.in) };
    case 'normal':
      return { kind: 'normal', std: given.std ?? 1 };
    case 'xavier':
    case 'glorot':
      return {
        kind: 'uniform',
        bound: (given.gain ?? 1) * Math.sqrt(6 / ((given.fan ?? fans.in) + (given.fan_out ?? fans.out))),
      };
    case 'kaiming':
      return { kind: 'normal', std: (given.gain ?? Math.SQRT2) / Math.sqrt(given.fan ?? fans.in) };
    case 'identity':
      return rank < 2 ? { kind: 'constant', value: 0 } : { kind: 'identity', scale: given.scale ?? 1 };
    default:
      throw new Error(`no initialiser ${value.name}`);
  }
}

/**
 * `init(fan = 25, fan_out = 75)` where `init` is an initialiser already: with these fans, unless it names its own or
 * knows none. So a link says what feeds a unit (of a convolution, the kernel alone) whichever initialiser it is given.
 */
export function withFans(value: InitializerValue, fans: Readonly<Record<string, number>>): InitializerValue {
  const known = Object.keys(INITIALIZERS[value.name] ?? {});
  const used = Object.entries(fans).filter(([name]) => known.includes(name));
  return { ...value, arguments: { ...Object.fromEntries(used), ...value.arguments } };
}

/** A number begins everywhere at that number; the function `identity` names the initialiser of the same name. */
export function toInitializer(term: Term): InitializerValue | undefined {
  if (isKind(term, 'initializer')) return term;
  if (typeof term === 'number') return { kind: 'initializer', name: 'constant', arguments: { value: term } };
  if (isKind(term, 'function') && term.name === 'identity')
    return { kind: 'initializer', name: 'identity', arguments: {} };
  return undefined;
}
