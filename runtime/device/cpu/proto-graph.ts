/** What graphs of ONNX say, as they are read from their bytes. */
import onnxProto from 'onnx-proto';

const { onnx } = onnxProto;

export type Model = InstanceType<typeof onnx.ModelProto>;
export type Graph = NonNullable<Model['graph']>;
export type Node = NonNullable<Graph['node']>[number];

export type Shape = readonly number[];

export function attributeOf(node: Node, name: string): NonNullable<Node['attribute']>[number] | undefined {
  return node.attribute?.find((one) => one.name === name) ?? undefined;
}

export function integersOf(node: Node, name: string): readonly number[] | undefined {
  return attributeOf(node, name)?.ints?.map(Number);
}

export function integerOf(node: Node, name: string, otherwise: number): number {
  const found = attributeOf(node, name);
  return found ? Number(found.i) : otherwise;
}

export function textOf(node: Node, name: string): string {
  return new TextDecoder().decode(attributeOf(node, name)?.s ?? new Uint8Array());
}

/** Shapes of inputs, constants and values as far as the graph tells them. */
export function toldShapes(graph: Graph): Map<string, Shape> {
  const told = new Map<string, Shape>();
  for (const { name, type } of [...(graph.input ?? []), ...(graph.valueInfo ?? [])])
    told.set(
      name ?? '',
      (type?.tensorType?.shape?.dim ?? []).map((dim) => Number(dim.dimValue ?? 0)),
    );
  for (const { name, dims } of graph.initializer ?? []) told.set(name ?? '', (dims ?? []).map(Number));
  return told;
}

/** Whole numbers and floats that the graph has as constants, by their names. */
export function constantsOf(graph: Graph): Map<string, readonly number[]> {
  const { FLOAT, INT64 } = onnx.TensorProto.DataType;
  const found = new Map<string, readonly number[]>();
  for (const { name, dataType, rawData } of graph.initializer ?? []) {
    if (!rawData || rawData.length === 0) continue;
    const bytes = rawData.slice().buffer;
    if (dataType === INT64) found.set(name ?? '', Array.from(new BigInt64Array(bytes), Number));
    else if (dataType === FLOAT) found.set(name ?? '', Array.from(new Float32Array(bytes)));
  }
  return found;
}
