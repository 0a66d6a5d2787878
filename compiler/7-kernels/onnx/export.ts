/**
 * A prediction as one ONNX model for other programs: weights inside, inputs and outputs by their plain names, what it
 * remembers from call to call and the noise that it begins at among them.
 */
import { inputName, taskOf } from '../../../spec/names.ts';
import type { Program, ProgramFunction, State } from '../../../spec/program.ts';
import { FixedBatch } from '../../5-program/batch-axes.ts';
import { type Rebatched, rebatchable } from '../../5-program/rebatch.ts';
import { type Kept, STEP_INPUT, type Stateless, stateless } from '../../5-program/stateless.ts';
import { forAnyBatch, sizesApart } from './any-batch.ts';
import { lowerFunction } from './lower.ts';
import { encodeModel, type OnnxGraph, type OnnxPort, type OnnxTensor } from './model.ts';

export interface ExportOptions {
  /** Samples of one call; if absent, any number where possible. */
  readonly batch?: number;
  /** Steps of a sequence, of which the model makes one. */
  readonly sequence?: number;
}

export interface Exported {
  /** Samples of one call, or any number. */
  readonly batch: number | 'any';
  /** Why the number is fixed, where any was wanted. */
  readonly reason?: string;
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  /** The output of each result of the function. */
  readonly outputOf: ReadonlyMap<string, string>;
  readonly kept: readonly Kept[];
  /** States whose values are part of the file. */
  readonly weights: readonly State[];
  /** @param valuesOf a state's values, in f32 */
  encode(valuesOf: (state: State) => Float32Array): Uint8Array;
}

/** @throws FixedBatch where it cannot be made for so many samples */
export function buildExport(program: Program, functionName: string, options: ExportOptions = {}): Exported {
  const f = program.functions.find((g) => g.name === functionName);
  if (!f) throw new Error(`no function ${functionName}`);
  const { graph, batch, reason, kept, names, outputOf } = lowered(program, f, options.batch);
  const taken = new Set(names.values());
  const rename = (name: string): string => names.get(name) ?? (taken.has(name) ? `inner ${name}` : name);
  const about = descriptions(kept, outputOf, options.sequence);
  const port = (value: OnnxPort): OnnxPort => {
    const name = rename(value.name);
    const text = about.get(name);
    return { ...value, name, ...(text === undefined ? {} : { about: text }) };
  };
  const states = new Map(program.states.map((s) => [s.id, s]));
  const inputs = graph.inputs.filter((v) => !states.has(v.name)).map(port);
  const outputs = graph.outputs.map(port);
  const nodes = graph.nodes.map((n) => ({ ...n, inputs: n.inputs.map(rename), outputs: n.outputs.map(rename) }));
  const weights = graph.inputs.flatMap((v) => states.get(v.name) ?? []);
  return {
    batch,
    ...(reason === undefined ? {} : { reason }),
    inputs,
    outputs,
    outputOf,
    kept,
    weights,
    encode: (valuesOf) => {
      const inside = weights.map(
        (state): OnnxTensor => ({
          name: rename(state.id),
          type: 'float',
          shape: state.shape,
          data: valuesOf(state),
        }),
      );
      const constants = graph.initializers.map((t) => ({ ...t, name: rename(t.name) }));
      const values = graph.values?.map((v) => ({ ...v, name: rename(v.name) }));
      const whole = { name: program.name, inputs, outputs, initializers: [...constants, ...inside], nodes };
      const known = values ? { ...whole, values } : whole;
      const ports = [...inputs, ...outputs];
      return encodeModel(known, metadataOf(functionName, batch, ports, options.sequence));
    },
  };
}

interface LoweredExport {
  readonly graph: OnnxGraph<OnnxPort>;
  readonly batch: number | 'any';
  readonly reason?: string;
  readonly kept: readonly Kept[];
  /** Names of inputs and outputs as others see them, by those in the graph. */
  readonly names: ReadonlyMap<string, string>;
  readonly outputOf: ReadonlyMap<string, string>;
}

function lowered(program: Program, f: ProgramFunction, batch: number | undefined): LoweredExport {
  const asWritten: Rebatched = { f, states: [] };
  if (batch === f.batch) return fixed(program, asWritten);
  let made: (batch: number) => Rebatched;
  try {
    made = rebatchable(program, f);
  } catch (error) {
    if (!(error instanceof FixedBatch) || batch !== undefined) throw error;
    return { ...fixed(program, asWritten), reason: error.message };
  }
  if (batch !== undefined) return fixed(program, made(batch));
  const sizes = sizesApart(program, f);
  const graph = forAnyBatch((n) => fixed(program, made(n)).graph, sizes);
  if (graph) return { ...fixed(program, made(sizes[0])), graph, batch: 'any' };
  return { ...fixed(program, made(1)), reason: 'one of its operators is written down differently for each size' };
}

function fixed(program: Program, { f, states }: Rebatched): LoweredExport & { readonly graph: OnnxGraph } {
  const own = new Map(states.map((s) => [s.id, s]));
  const rebatched = { ...program, states: program.states.map((s) => own.get(s.id) ?? s) };
  const alone: Stateless = stateless(rebatched, f);
  const { graph, manifest } = lowerFunction(alone.program, alone.f, false);
  const fields = new Set(manifest.fields.map(({ field }) => field));
  const names = new Map([...fields].map((field) => [inputName(field), field]));
  const outputOf = new Map<string, string>();
  for (const output of manifest.outputs) {
    if (!('result' in output)) continue;
    const name = fields.has(output.result) ? `${output.result}.read` : output.result;
    names.set(output.output, name);
    outputOf.set(output.result, name);
  }
  return { graph, batch: f.batch, kept: alone.kept, names, outputOf };
}

/** Descriptions of inputs and outputs that the model's author has not named. */
function descriptions(
  kept: readonly Kept[],
  outputOf: ReadonlyMap<string, string>,
  sequence: number | undefined,
): Map<string, string> {
  const about = new Map<string, string>();
  for (const [result, output] of outputOf)
    if (result !== output) about.set(output, `the read ${result}, whose name is also that of an input`);
  for (const { input, output } of kept) {
    if (output === undefined) {
      about.set(input, 'draws from a normal distribution of mean 0 and deviation 1, from which the values settle');
      continue;
    }
    about.set(input, `the output ${output} of the previous call; zeros in the first step`);
    about.set(output, `the input ${input} of the next call`);
  }
  about.set(STEP_INPUT, `the step of the sequence, from 0${sequence === undefined ? '' : ` to ${sequence - 1}`}`);
  return about;
}

function metadataOf(
  name: string,
  batch: number | 'any',
  ports: readonly OnnxPort[],
  sequence: number | undefined,
): Map<string, string> {
  return new Map([
    ['nmc.task', taskOf(name) ?? name],
    ['nmc.batch', String(batch)],
    ...(sequence === undefined ? [] : [['nmc.sequence', String(sequence)] as const]),
    ...ports.flatMap(({ name: port, about }) => (about === undefined ? [] : [[`nmc.${port}`, about] as const])),
  ]);
}
