/** Rules of algebra, for those who write them and for the pass that applies them. */
import type { Attributes, Op, Shape } from '../../../spec/program.ts';
import type { Definitions } from './definitions.ts';

/** Means of a rule: it may look up definitions, and write new operations in front of the one it looks at. */
export interface Rewriter {
  readonly known: Definitions;
  emit(op: string, args: readonly string[], attributes?: Attributes): string;
  constant(value: number): string;
  /** Every element the same number. */
  filled(value: number, shape: Shape): string;
}

/** Gives the name of an equal, simpler value, or nothing. */
export type Rule = (op: Op, rewriter: Rewriter) => string | undefined;
