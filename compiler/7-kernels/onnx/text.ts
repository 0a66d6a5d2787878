/** An ONNX graph as text, for `nmc show --stage onnx`: one node a line, shapes at the inputs and outputs. */
import onnxProto from 'onnx-proto';

const TYPES: Readonly<Record<number, string>> = { 1: 'float', 2: 'uint8', 6: 'int32', 7: 'int64', 9: 'bool' };

export function printOnnx(bytes: Uint8Array): string {
  const graph = onnxProto.onnx.ModelProto.decode(bytes).graph;
  if (!graph) return '';
  const lines = [
    ...(graph.input ?? []).map((v) => `input ${describe(v)}`),
    ...(graph.initializer ?? []).map(
      (t) => `constant ${t.name} : ${TYPES[t.dataType ?? 0]}[${(t.dims ?? []).join(', ')}]`,
    ),
    ...(graph.node ?? []).map(
      (n) => `${(n.output ?? []).join(', ')} = ${n.opType}(${[...(n.input ?? []), ...attributes(n)].join(', ')})`,
    ),
    ...(graph.output ?? []).map((v) => `output ${describe(v)}`),
  ];
  return `${lines.join('\n')}\n`;
}

function describe(value: onnxProto.onnx.IValueInfoProto): string {
  const tensor = value.type?.tensorType;
  const sizes = (tensor?.shape?.dim ?? []).map((d) => String(d.dimValue ?? '?'));
  return `${value.name} : ${TYPES[tensor?.elemType ?? 0]}[${sizes.join(', ')}]`;
}

function attributes(node: onnxProto.onnx.INodeProto): string[] {
  return (node.attribute ?? []).map((a) => {
    const value =
      a.type === 1
        ? a.f
        : a.type === 3
          ? new TextDecoder().decode(a.s ?? new Uint8Array())
          : a.type === 7
            ? `[${(a.ints ?? []).join(', ')}]`
            : a.i;
    return `${a.name}=${String(value)}`;
  });
}
