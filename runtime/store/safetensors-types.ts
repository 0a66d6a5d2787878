/** The tensors that our weight files hold, and the element types of the safetensors format that we use. */

export type NamedTensor =
  | {
      readonly name: string;
      readonly dtype: 'F32';
      readonly shape: readonly number[];
      readonly data: Float32Array;
      /** Elements of one that lies on the disk, in memory of their own; absent where all of it is in memory. */
      readonly part?: (begin: number, end: number) => Float32Array<ArrayBuffer>;
    }
  | { readonly name: string; readonly dtype: 'F64'; readonly shape: readonly number[]; readonly data: Float64Array }
  | { readonly name: string; readonly dtype: 'I32'; readonly shape: readonly number[]; readonly data: Int32Array }
  | { readonly name: string; readonly dtype: 'I64'; readonly shape: readonly number[]; readonly data: BigInt64Array }
  | { readonly name: string; readonly dtype: 'U8'; readonly shape: readonly number[]; readonly data: Uint8Array };

export type TensorType = NamedTensor['dtype'];

/** Bytes of one element. */
export const ELEMENT_BYTES: Readonly<Record<TensorType, number>> = { F32: 4, F64: 8, I32: 4, I64: 8, U8: 1 };

export interface TensorFile {
  readonly tensors: readonly NamedTensor[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** The number of elements of a shape; [] is one (a scalar). */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The bytes of a tensor's data, without a copy. */
export function tensorBytes({ data }: NamedTensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The same tensor under another name; data that are read when they are asked for are not read for that. */
export function renamed(tensor: NamedTensor, name: string): NamedTensor {
  const { dtype, shape } = tensor;
  const part = tensor.dtype === 'F32' && tensor.part ? { part: tensor.part } : {};
  const view = {
    ...{ name, dtype, shape, ...part },
    get data() {
      return tensor.data;
    },
  };
  return view as NamedTensor;
}
