/** A prediction as one ONNX model for other programs: weights inside, inputs and outputs by their plain names. */
import type { Program } from '../../../spec/program.ts';
import { lowerFunction } from './lower.ts';
import { encodeModel, type OnnxTensor } from './model.ts';

/** @param weights every state that the function reads, in f32 */
export function buildExport(
  program: Program,
  functionName: string,
  weights: ReadonlyMap<string, Float32Array>,
): Uint8Array {
  const f = program.functions.find((g) => g.name === functionName);
  if (!f) throw new Error(`no function ${functionName}`);
  const { graph, manifest } = lowerFunction(program, f, false);
  const names = new Map<string, string>();
  for (const { field } of manifest.fields) names.set(`in:${field}`, field);
  for (const output of manifest.outputs) if ('result' in output) names.set(output.output, output.result);
  const rename = (name: string): string => names.get(name) ?? name;
  const inside = manifest.states.map((id): OnnxTensor => {
    const data = weights.get(id);
    const input = graph.inputs.find((v) => v.name === id);
    if (!data || !input) throw new Error(`no weights for ${id}`);
    return { ...input, data };
  });
  const isState = new Set(manifest.states);
  return encodeModel({
    name: program.name,
    inputs: graph.inputs.filter((v) => !isState.has(v.name)).map((v) => ({ ...v, name: rename(v.name) })),
    outputs: graph.outputs.map((v) => ({ ...v, name: rename(v.name) })),
    initializers: [...graph.initializers, ...inside],
    nodes: graph.nodes.map((n) => ({ ...n, inputs: n.inputs.map(rename), outputs: n.outputs.map(rename) })),
  });
}
