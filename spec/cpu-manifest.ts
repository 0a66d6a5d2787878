/** What stands beside `cpu/NAME.onnx`: which tensor is which input, state and result. */
import type { FieldType, ScalarExpr, Shape } from './program.ts';

export interface CpuManifest {
  readonly function: string;
  /** Inputs `in:FIELD`, one batch each. */
  readonly fields: readonly { readonly field: string; readonly type: FieldType; readonly shape: Shape }[];
  /** Inputs by the names of states. */
  readonly states: readonly string[];
  /** Elements of the input `scalars`. */
  readonly scalars: readonly ScalarExpr[];
  /** Outputs, each a new value of a state or a result. */
  readonly outputs: readonly ({ readonly output: string; readonly shape: Shape } & (
    | { readonly state: string }
    | { readonly result: string }
  ))[];
}
