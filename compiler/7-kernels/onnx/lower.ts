/**
 * A function for the CPU: one ONNX graph with all ticks written out, vector kernels for what follows the gradients, and
 * a manifest that says what goes where.
 */

import { type CpuKernel, type CpuManifest, type LaidOut, pairExport } from '../../../spec/cpu-manifest.ts';
import { inputName, outputName } from '../../../spec/names.ts';
import { type Op, type Program, type ProgramFunction, type ScalarExpr, sizeOf } from '../../../spec/program.ts';
import { straightCode } from '../../5-program/passes/straight.ts';
import { elementwiseTails, type TailChain } from '../../5-program/tail.ts';
import { axesOf } from '../../operators/reduction.ts';
import { isOperator } from '../../operators/table.ts';
import { type Chain, chainFunction } from '../wasm/elementwise.ts';
import { encodeModule, type WasmFunction } from '../wasm/encoder.ts';
import { biasedConvolutions } from './biases.ts';
import { carryErrors } from './carried-errors.ts';
import { CAST } from './casts.ts';
import { emitBiased } from './convolution.ts';
import { OnnxEmitter } from './emitter.ts';
import { fuseProducts } from './gemm.ts';
import { withoutMasks } from './masks.ts';
import { encodeModel, type OnnxGraph, type OnnxType, type OnnxValue } from './model.ts';
import { isPictureOperator, onnxLowerings } from './operators.ts';
import { partsOf } from './parts.ts';
import { channelsFirstForm, finishPicture } from './pictures.ts';
import { type PooledSlope, pooledSlopes } from './pooled-slopes.ts';
import { emitPicked } from './pooling.ts';
import { withNarrowSums } from './row-sums.ts';
import { scaleErrors } from './scaled-errors.ts';
import { shareFactors } from './shared-factors.ts';
import { Slopes } from './slopes.ts';

const FIELD_TYPES = { u8: 'uint8', i32: 'int32', f32: 'float' } as const satisfies Record<string, OnnxType>;

/** @returns `cpu/NAME.onnx` and `cpu/NAME.json` for every function, `cpu/NAME.wasm` where it has kernels */
export function lowerToCpu(program: Program): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const f of program.functions) {
    const { manifest, graph, module } = lowerFunction(program, f, true);
    if (graph.outputs.length > 0) files.set(`cpu/${f.name}.onnx`, encodeModel(graph));
    files.set(`cpu/${f.name}.json`, new TextEncoder().encode(JSON.stringify(manifest)));
    if (module) files.set(`cpu/${f.name}.wasm`, module);
  }
  return files;
}

interface Straight {
  readonly f: ProgramFunction;
  readonly ops: readonly Op[];
  readonly scalars: ReadonlyMap<string, ScalarExpr>;
  readonly constants: ReadonlyMap<string, number>;
  readonly elements: (id: string) => number;
}

/** @param kernels whether chains may leave the graph; an exported model has to be whole, and of standard operators */
export function lowerFunction(
  program: Program,
  f: ProgramFunction,
  kernels: boolean,
): { manifest: CpuManifest; graph: OnnxGraph; module: Uint8Array | undefined } {
  const straight = straighten(program, f);
  const chains = kernels ? elementwiseTails(straight.ops, straight.f, straight) : [];
  const gone = new Set(chains.flatMap((c) => c.ops.map((op) => op.id)));
  const states = new Set(program.states.map((s) => s.id));
  const ops = straight.ops.filter((op) => !gone.has(op.id));
  const given = new Map(f.inputs.map((i) => [i.id, i]));
  const read = new Set(chains.flatMap((c) => c.tensors));
  const gradients = [...read].filter((id) => !states.has(id) && !given.has(id));
  const wanted: Output[] = [
    ...straight.f.updates.filter((u) => !gone.has(u.value)).map((u) => ({ value: u.value, to: { state: u.state } })),
    ...straight.f.results.map((r) => ({ value: r.value, to: { result: r.name } })),
    ...gradients.map((value) => ({ value, to: { gradient: value } })),
  ];
  const e = new OnnxEmitter(kernels ? states : new Set(), !kernels);
  const inputs = declareInputs(program, f, ops, wanted, straight, e);
  emitOps(ops, new Set(wanted.map((w) => w.value)), e);
  const outputs = nameOutputs(wanted, inputs, e);
  const kernelFields = f.inputs.filter((i) => read.has(i.id)).map(({ field, shape }) => ({ field, shape }));
  const places = (id: string): CpuKernel['tensors'][number] => {
    const field = given.get(id)?.field;
    if (states.has(id)) return { state: id };
    return field === undefined ? { gradient: id } : { field };
  };
  const built = buildKernels(chains, straight, places);
  // States that are only read as the device lays them out.
  const reads = new Set(e.nodes.flatMap((node) => node.inputs));
  const unread = new Set(e.laidOut.size > 0 ? inputs.states.filter((id) => !reads.has(id)) : []);
  const graph: OnnxGraph = {
    name: f.name,
    inputs: [
      ...inputs.values.filter((v) => !unread.has(v.name)),
      ...[...e.laidOut.values()].map((l) => laidOutInput(l, straight)),
    ],
    outputs: outputs.map((o) => ({ name: o.output, type: 'float' as const, shape: o.shape })),
    initializers: [...e.constants.values()],
    nodes: e.nodes,
    ...(kernels && e.kernels.length > 0 ? { values: e.kernels } : {}),
  };
  const { fields, scalars } = inputs;
  const parts = partsOf(program, f);
  const manifest: CpuManifest = {
    function: f.name,
    fields,
    states: inputs.states.filter((id) => !unread.has(id)),
    scalars,
    outputs,
    kernelFields,
    kernels: built.kernels,
    ...(e.laidOut.size > 0 ? { laidOut: [...e.laidOut.values()] } : {}),
    ...(parts > 1 ? { parts } : {}),
  };
  return { manifest, graph, module: built.module };
}

function laidOutInput({ input, kind, shape, connections }: LaidOut, straight: Straight): OnnxValue {
  if (kind === 'matrix') return { name: input, type: 'float', shape };
  return { name: input, type: kind === 'places' ? 'int32' : 'float', shape: [straight.elements(connections) / 2] };
}

function straighten(program: Program, f: ProgramFunction): Straight {
  const flat = straightCode(f, new Map(program.states.map((s) => [s.id, s.shape])));
  const ops = flat.blocks.flatMap((b) => b.ops);
  const scalars = new Map(flat.blocks.flatMap((b) => b.scalars.map((s) => [s.id, s.expr] as const)));
  const constants = constantsOf(ops);
  const sizes = new Map<string, number>([
    ...program.states.map((s) => [s.id, sizeOf(s.shape)] as const),
    ...f.inputs.map((i) => [i.id, sizeOf(i.shape)] as const),
    ...ops.map((op) => [op.id, sizeOf(op.shape)] as const),
  ]);
  return { f: flat, ops, scalars, constants, elements: (id) => sizes.get(id) ?? 0 };
}

function constantsOf(ops: readonly Op[]): Map<string, number> {
  return new Map(ops.filter((op) => op.op === 'constant').map((op) => [op.id, op.attributes.value as number]));
}

interface Output {
  readonly value: string;
  readonly to: { readonly state: string } | { readonly result: string } | { readonly gradient: string };
}

interface Inputs {
  readonly values: OnnxValue[];
  readonly fields: CpuManifest['fields'];
  readonly states: readonly string[];
  readonly scalars: readonly ScalarExpr[];
}

function declareInputs(
  program: Program,
  f: ProgramFunction,
  ops: readonly Op[],
  wanted: readonly Output[],
  straight: Straight,
  e: OnnxEmitter,
): Inputs {
  const used = new Set([...ops.flatMap((op) => op.args), ...wanted.map((w) => w.value)]);
  const values: OnnxValue[] = [];
  const fields: CpuManifest['fields'][number][] = [];
  for (const { id, field, type, shape } of f.inputs.filter((i) => used.has(i.id))) {
    const name = inputName(field);
    e.declare(id, shape);
    e.declare(name, shape);
    values.push({ name, type: FIELD_TYPES[type], shape });
    fields.push({ field, type, shape });
    if (type === 'f32') e.alias(id, name);
    else e.node('Cast', [name], { to: CAST.float }, id);
  }
  const states = program.states.filter((s) => used.has(s.id));
  for (const state of states) {
    e.declare(state.id, state.shape);
    values.push({ name: state.id, type: 'float', shape: state.shape });
  }
  const scalars = [...straight.scalars].filter(([id]) => used.has(id));
  if (scalars.length > 0) values.push({ name: 'scalars', type: 'float', shape: [scalars.length] });
  scalars.forEach(([id], i) => {
    e.declare(id, []);
    e.node('Gather', ['scalars', e.index(i)], { axis: 0 }, id);
  });
  return { values, fields, states: states.map((s) => s.id), scalars: scalars.map(([, expr]) => expr) };
}

/** Activations with a bound. */
const BOUNDED: ReadonlySet<string> = new Set(['gelu', 'relu', 'sigmoid', 'silu', 'tanh']);

function emitOps(all: readonly Op[], kept: ReadonlySet<string>, e: OnnxEmitter): void {
  const given = shareFactors(all, kept, constantsOf(all), (id) => e.shapeOf(id));
  const unmasked = withoutMasks(withNarrowSums(given, kept), kept, constantsOf(given));
  const carried = carryErrors(unmasked, kept, constantsOf(unmasked));
  const ops = scaleErrors(carried.ops, kept, constantsOf(carried.ops), carried.rates);
  const constants = constantsOf(ops);
  for (const op of ops) {
    e.declare(op.id, op.shape);
    if (BOUNDED.has(op.op)) e.bound(op.id);
  }
  const { gemms, absorbed } = fuseProducts(
    ops,
    kept,
    (id) => constants.get(id),
    (id) => e.shapeOf(id),
  );
  const biased = biasedConvolutions(ops, kept, (id) => e.shapeOf(id));
  const joined = new Set([...biased.values()].map(({ convolution }) => convolution.id));
  const pooled = pooledSlopes(ops, kept, (id) => e.shapeOf(id));
  for (const { gradient, slope } of pooled.values()) for (const { id } of [gradient, slope]) joined.add(id);
  const slopes = new Slopes(
    ops.filter((op) => !joined.has(op.id)),
    e,
  );
  const weighed = new Map<string, string>();
  for (const op of ops) {
    if (absorbed.has(op.id) || joined.has(op.id)) continue;
    const behind = pooled.get(op.id);
    if (behind) {
      weighed.set(op.id, emitPooledSlope(op, behind, constants, slopes, e));
      continue;
    }
    const sum = biased.get(op.id);
    if (sum) {
      emitBiased(op, sum, e);
      continue;
    }
    const gemm = gemms.get(op.id);
    if (gemm) {
      const { a, b, c, ta, tb, alpha, beta } = gemm;
      const attributes = { transA: ta ? 1 : 0, transB: tb ? 1 : 0, alpha: { float: alpha }, beta: { float: beta } };
      e.node(
        'Gemm',
        [a, b, ...(c === undefined ? [] : [c])].map((id) => e.resolve(id)),
        attributes,
        op.id,
      );
    } else emitOp(op.op === 'sum' ? overWindows(op, weighed, e) : op, constants, slopes, e);
  }
}

/** A sum over all places of what each window has at one of them alone, as a sum over windows. */
function overWindows(op: Op, weighed: ReadonlyMap<string, string>, e: OnnxEmitter): Op {
  const [x = ''] = op.args;
  const windows = weighed.get(x);
  const axes = axesOf(op.attributes, e.shapeOf(x).length);
  return windows !== undefined && [1, 2].every((axis) => axes.includes(axis)) ? { ...op, args: [windows] } : op;
}

/**
 * gradient ∘ slope, with the slope at the places alone that the gradient comes from.
 * @returns the same, a number for each window: what it adds up to over places
 */
function emitPooledSlope(
  op: Op,
  { gradient, slope }: PooledSlope,
  constants: ReadonlyMap<string, number>,
  slopes: Slopes,
  e: OnnxEmitter,
): string {
  const [x = '', g = ''] = gradient.args;
  const made = (name: string, of: string, args: string[]): Op => {
    const one = { id: `${op.id}.${name}`, op: of, args, attributes: {}, shape: e.shapeOf(g) };
    e.declare(one.id, one.shape);
    return one;
  };
  const there = made('there', slope.op, []);
  finishPicture(e, there, slopes.geluSlopeAt(emitPicked(slope.args[0] ?? '', gradient, e)));
  const weighed = made('weighed', 'mul', [g, there.id]);
  emitOp(weighed, constants, slopes, e);
  emitOp({ ...gradient, id: op.id, args: [x, weighed.id] }, constants, slopes, e);
  return weighed.id;
}

function emitOp(op: Op, constants: ReadonlyMap<string, number>, slopes: Slopes, e: OnnxEmitter): void {
  if (isPictureOperator(op.op)) {
    // These ask for their arguments in the layout that they want.
    onnxLowerings[op.op](op, e);
    return;
  }
  const first = channelsFirstForm(op, e);
  if (first) e.declare(first.id, first.shape);
  emitAs(first ?? op, op.args, constants, slopes, e);
  if (first && first.id !== op.id) finishPicture(e, op, first.id);
}

/** @param given the arguments as the program names them */
function emitAs(
  op: Op,
  given: readonly string[],
  constants: ReadonlyMap<string, number>,
  slopes: Slopes,
  e: OnnxEmitter,
): void {
  const [, high = '', low = ''] = given;
  const stepped = op.op === 'select' ? slopes.steppedBy(op.args[0]) : undefined;
  const [upper, lower] = [constants.get(high), constants.get(low)];
  const isMask = stepped !== undefined && upper !== undefined && lower !== undefined && upper > lower;
  const resolved = isMask ? op : { ...op, args: op.args.map((a) => e.resolve(a)) };
  if (op.op === 'constant') {
    const name = e.number(op.attributes.value as number);
    e.declare(name, []);
    e.alias(op.id, name);
  } else if (isMask) slopes.mask(stepped, lower, upper, op.id);
  else if (op.op === 'gelu') slopes.gelu(resolved);
  else if (op.op === 'gelu_slope') slopes.geluSlope(resolved);
  else if (op.op === 'step') slopes.step(resolved);
  else if (isOperator(op.op)) onnxLowerings[op.op](resolved, e);
  else throw new Error(`${op.op} is not an operator`);
}

/** A graph's output has a name of its own where its value is an input, a constant, or already another output. */
function nameOutputs(wanted: readonly Output[], inputs: Inputs, e: OnnxEmitter): CpuManifest['outputs'] {
  const taken = new Set([...inputs.values.map((v) => v.name), ...e.constants.keys()]);
  return wanted.map(({ value, to }, i) => {
    const name = e.resolve(value);
    const shape = e.shapeOf(value);
    if (!taken.has(name)) {
      taken.add(name);
      return { output: name, shape, ...to };
    }
    const wide = e.shapeOf(name).length === shape.length ? name : e.node('Expand', [name, e.integers(shape)]);
    return { output: e.node('Identity', [wide], {}, outputName(i)), shape, ...to };
  });
}

/** Chains of the same form share one function; what reads fields has a twin for lanes. */
function buildKernels(
  chains: readonly TailChain[],
  straight: Straight,
  places: (id: string) => CpuKernel['tensors'][number],
): { kernels: CpuKernel[]; module: Uint8Array | undefined } {
  const functions = new Map<string, readonly WasmFunction[]>();
  const kernels = chains.map((chain): CpuKernel => {
    const form = canonical(chain, straight.constants);
    const tensors = chain.tensors.map(places);
    const fields = form.tensors.filter((_, i) => 'field' in (tensors[i] ?? {}));
    const key = JSON.stringify([form.ops, [...form.constants], form.results, fields]);
    const name = `k${functions.size}`;
    const known = functions.get(key) ?? [
      chainFunction(name, form),
      ...(fields.length > 0 ? [chainFunction(pairExport(name), inTwoParts(form, new Set(fields)))] : []),
    ];
    functions.set(key, known);
    return {
      export: (known[0] as WasmFunction).name,
      elements: chain.size,
      tensors,
      results: chain.updates.map((u) => u.state),
      scalars: chain.scalars.map((id) => straight.scalars.get(id) as ScalarExpr),
    };
  });
  return { kernels, module: functions.size > 0 ? encodeModule([...functions.values()].flat()) : undefined };
}

/** The same chain where each of `fields` comes as two tensors, one behind the other, that are added first. */
function inTwoParts(chain: Chain, fields: ReadonlySet<string>): Chain {
  const sums = [...fields].map(
    (id): Op => ({ id, op: 'add', args: [`${id}.0`, `${id}.1`], attributes: {}, shape: [] }),
  );
  const tensors = chain.tensors.flatMap((id) => (fields.has(id) ? [`${id}.0`, `${id}.1`] : [id]));
  return { ...chain, ops: [...sums, ...chain.ops], tensors };
}

/** The chain with names that say only what they are, so that equal chains look equal. */
function canonical(chain: TailChain, constants: ReadonlyMap<string, number>): Chain {
  const names = new Map<string, string>();
  for (const [i, id] of chain.tensors.entries()) names.set(id, `t${i}`);
  for (const [i, id] of chain.scalars.entries()) names.set(id, `s${i}`);
  for (const [i, op] of chain.ops.entries()) names.set(op.id, `o${i}`);
  const used = new Map<string, number>();
  const name = (id: string): string => {
    const constant = constants.get(id);
    if (constant === undefined) return names.get(id) ?? id;
    used.set(`c${constant}`, constant);
    return `c${constant}`;
  };
  const ops = chain.ops.map((op) => ({
    id: name(op.id),
    op: op.op,
    args: op.args.map(name),
    attributes: {},
    shape: [],
  }));
  return {
    ops,
    tensors: chain.tensors.map(name),
    scalars: chain.scalars.map(name),
    constants: used,
    results: chain.updates.map((u) => name(u.value)),
  };
}
