/**
 * A graph that has its states inside instead of taking them with every call: ONNX Runtime lays constants out for its
 * products once, and a call hands over no more than its sample.
 */
import onnxProto from 'onnx-proto';
import { type Shape, sizeOf } from '../../../spec/program.ts';

const { onnx } = onnxProto;

export interface ConstantState {
  /** Its name in the graph. */
  readonly name: string;
  readonly shape: Shape;
  /** Zero where nothing was written. */
  readonly values: Float32Array | undefined;
}

/** @param graph an ONNX model that has the states among its inputs */
export function withConstants(graph: Uint8Array, states: readonly ConstantState[]): Uint8Array {
  const model = onnx.ModelProto.decode(graph);
  const names = new Set(states.map((s) => s.name));
  const { input = [], initializer = [] } = model.graph ?? {};
  const constants = states.map(({ name, shape, values }) => ({
    name,
    dims: [...shape],
    dataType: onnx.TensorProto.DataType.FLOAT,
    rawData: bytesOf(values ?? new Float32Array(sizeOf(shape))),
  }));
  const kept = (input ?? []).filter((i) => !names.has(i.name ?? ''));
  const changed = { ...model.graph, input: kept, initializer: [...(initializer ?? []), ...constants] };
  return onnx.ModelProto.encode({ ...model, graph: changed }).finish();
}

/** As they lie in memory: ONNX wants the low byte first, as every machine has it that this runs on. */
function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
