/** Every function of a program as one ONNX graph, all ticks written out, beside a manifest that says what goes where. */

import type { CpuManifest } from '../../../spec/cpu-manifest.ts';
import type { Op, Program, ProgramFunction, ScalarExpr } from '../../../spec/program.ts';
import { removeDeadCode } from '../../5-program/passes/dead-code.ts';
import { unroll } from '../../5-program/passes/peel.ts';
import { isOperator } from '../../operators/table.ts';
import { OnnxEmitter } from './emitter.ts';
import { encodeModel, type OnnxGraph, type OnnxType, type OnnxValue } from './model.ts';
import { CAST, onnxLowerings } from './operators.ts';

const FIELD_TYPES = { u8: 'uint8', i32: 'int32', f32: 'float' } as const satisfies Record<string, OnnxType>;

/** @returns `cpu/NAME.onnx` and `cpu/NAME.json` for every function */
export function lowerToCpu(program: Program): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const f of program.functions) {
    const { manifest, graph } = lowerGraph(program, f);
    files.set(`cpu/${f.name}.onnx`, encodeModel(graph));
    files.set(`cpu/${f.name}.json`, new TextEncoder().encode(JSON.stringify(manifest)));
  }
  return files;
}

export function lowerGraph(program: Program, f: ProgramFunction): { manifest: CpuManifest; graph: OnnxGraph } {
  const straight = removeDeadCode(unroll(f));
  const ops = straight.blocks.flatMap((b) => b.ops);
  const scalars = straight.blocks.flatMap((b) => b.scalars);
  const e = new OnnxEmitter();
  const used = new Set([
    ...ops.flatMap((op) => op.args),
    ...straight.updates.map((u) => u.value),
    ...straight.results.map((r) => r.value),
  ]);
  const inputs: OnnxValue[] = [];
  for (const input of f.inputs.filter((i) => used.has(i.id))) {
    e.declare(input.id, input.shape);
    inputs.push({ name: `in:${input.field}`, type: FIELD_TYPES[input.type], shape: input.shape });
    e.node(
      input.type === 'f32' ? 'Identity' : 'Cast',
      [`in:${input.field}`],
      input.type === 'f32' ? {} : { to: CAST.float },
      input.id,
    );
  }
  const states = program.states.filter((s) => used.has(s.id));
  for (const state of states) {
    e.declare(state.id, state.shape);
    inputs.push({ name: state.id, type: 'float', shape: state.shape });
  }
  if (scalars.length > 0) inputs.push({ name: 'scalars', type: 'float', shape: [scalars.length] });
  scalars.forEach((s, i) => {
    e.declare(s.id, []);
    e.node('Gather', ['scalars', e.index(i)], { axis: 0 }, s.id);
  });
  const constants = emitOps(ops, e);
  const outputs = nameOutputs(straight, e, constants);
  const graph: OnnxGraph = {
    name: f.name,
    inputs,
    outputs: outputs.map((o) => ({ name: o.name, type: 'float' as const, shape: e.shapeOf(o.value) })),
    initializers: [...e.constants.values()],
    nodes: e.nodes,
  };
  const manifest: CpuManifest = {
    function: f.name,
    fields: f.inputs.filter((i) => used.has(i.id)).map((i) => ({ field: i.field, type: i.type, shape: i.shape })),
    states: states.map((s) => s.id),
    scalars: scalars.map((s): ScalarExpr => s.expr),
    outputs: outputs.map((o) => ({ output: o.name, ...o.to, shape: e.shapeOf(o.value) })),
  };
  return { manifest, graph };
}

/** @returns constants by the value that they are */
function emitOps(ops: readonly Op[], e: OnnxEmitter): Map<string, string> {
  const constants = new Map<string, string>();
  for (const old of ops) {
    e.declare(old.id, old.shape);
    if (old.op === 'constant') {
      const name = e.number(old.attributes.value as number);
      e.declare(name, []);
      constants.set(old.id, name);
      continue;
    }
    if (!isOperator(old.op)) throw new Error(`${old.op} is no operator`);
    onnxLowerings[old.op]({ ...old, args: old.args.map((a) => constants.get(a) ?? a) }, e);
  }
  return constants;
}

interface Output {
  readonly name: string;
  readonly value: string;
  readonly to: { readonly state: string } | { readonly result: string };
}

/** A graph's outputs need names of their own: a value may be read twice, or be an input. */
function nameOutputs(f: ProgramFunction, e: OnnxEmitter, constants: ReadonlyMap<string, string>): Output[] {
  const wanted = [
    ...f.updates.map((u) => ({ name: `next:${u.state}`, value: u.value, to: { state: u.state } })),
    ...f.results.map((r) => ({ name: `result:${r.name}`, value: r.value, to: { result: r.name } })),
  ];
  for (const output of wanted) e.node('Identity', [constants.get(output.value) ?? output.value], {}, output.name);
  return wanted;
}
