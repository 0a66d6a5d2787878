/** Form of a row of the operator table. */
import type { Attributes, Shape } from '../../spec/program.ts';

/** A dense tensor of the reference device: row-major, in f64. */
export interface ReferenceTensor {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** A value of a program under construction. */
export interface Value {
  readonly id: string;
  readonly shape: Shape;
}

/** How derivatives are written down: each call appends one operation to the program. */
export interface Emit {
  op(name: string, args: readonly Value[], attributes?: Attributes): Value;
  constant(value: number): Value;
}

export interface Operator {
  /** Number of arguments; `many`: one or more. */
  readonly arity: number | 'many';
  /** Attributes it takes, with what they mean. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Element by element with broadcasting: fusable, and free to move through layouts. */
  readonly elementwise: boolean;
  /** Arguments that are the same for all samples (kernels, tables): no batch axis is ever put before them. */
  readonly shared?: readonly number[];
  /** Arguments that it is linear in, each while the others are held: zeros and factors pass through. */
  readonly linear?: readonly number[];
  /** Only stands in derivatives: the language has no name for it. */
  readonly internal?: true;
  /** Shape of the result. @throws ShapeError when the arguments cannot meet */
  shape(args: readonly Shape[], attributes: Attributes): Shape;
  /** The operator in f64, written to be obviously right. */
  reference(args: readonly ReferenceTensor[], attributes: Attributes, shape: Shape): Float64Array;
  /**
   * Vector-Jacobian products: the gradient of each argument, of that argument's shape, from the gradient of the
   * result. `null`: the operator does not depend smoothly on that argument (comparisons, positions).
   * @param wanted which arguments' gradients are asked for; all when absent. Others may be left out as `null`
   */
  derivative(
    args: readonly Value[],
    result: Value,
    gradient: Value,
    emit: Emit,
    attributes: Attributes,
    wanted?: readonly boolean[],
  ): (Value | null)[];
  /** Floating-point operations for a result of this shape. */
  flops(args: readonly Shape[], shape: Shape, attributes: Attributes): number;
}

/** Arguments whose shapes cannot meet: a user's mistake, turned into a diagnostic by the checker. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

export function showShape(shape: Shape): string {
  return shape.length === 0 ? 'a scalar' : `[${shape.join(', ')}]`;
}
