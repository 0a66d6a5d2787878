/** States that go to a device part by part: a large one is never in memory as a whole beside it. */
import { type Shape, type State, sameShape } from '../../spec/program.ts';

/** Elements of a part. */
export const PART_ELEMENTS = 512 * 1024;

/** Whether the device takes the values of such a tensor as they are. */
export function isPlain(
  { shape, init, members }: State,
  tensor: { readonly dtype: string; readonly shape: Shape },
): boolean {
  const kind = init.kind === 'copy' ? init.of.kind : init.kind;
  return tensor.dtype === 'F32' && !members && kind !== 'thinned' && sameShape(shape, tensor.shape);
}
