/** Clamps and reads: from fields of the data to values of nodes, and back. */
import { fieldLeaf, nodeOrigin, parseFieldLeaf, sampleLeaf } from '../../spec/names.ts';
import type { Input, State } from '../../spec/program.ts';
import type { ClampInstance, DataField } from '../3-check/checked.ts';
import type { Graph } from '../4-graph/graph.ts';
import type { Expr } from '../operators/expr.ts';
import type { Value } from '../operators/operator.ts';
import type { BlockBuilder } from './builder.ts';
import { leavesOf } from './leaves.ts';
import { type Bindings, lowerExpression } from './lower-expression.ts';
import { type Clamp, nodeOf } from './network.ts';

interface Reader {
  readonly value: Expr;
  readonly when?: Expr;
}

/** Leaves of all clamps and reads. */
function leavesOfAll(readers: readonly Reader[]): Set<string> {
  const leaves = new Set<string>();
  for (const { value, when } of readers) {
    leavesOf(value, leaves);
    if (when) leavesOf(when, leaves);
  }
  return leaves;
}

/** The fields that clamps and reads need, as inputs of a function. */
export function inputsOf(readers: readonly Reader[], fields: readonly DataField[], batch: number): Input[] {
  const leaves = leavesOfAll(readers);
  return fields
    .filter((f) => [...leaves].some((name) => parseFieldLeaf(name)?.field === f.name))
    .map((f) => ({ id: fieldLeaf(sampleLeaf(), f.name), field: f.name, type: f.type, shape: [batch, ...f.shape] }));
}

/** Statistics of the training data that clamps and reads need (`standardize`). */
export function statisticsOf(readers: readonly Reader[], fields: readonly DataField[]): State[] {
  const leaves = leavesOfAll(readers);
  const states: State[] = [];
  for (const f of fields)
    for (const what of ['mean', 'scale'] as const) {
      const id = `standardize.${f.name}.${what}`;
      const shape = what === 'mean' ? f.shape : [];
      if (leaves.has(id))
        states.push({ id, shape, role: 'statistic', init: { kind: 'statistic', field: f.name, what } });
    }
  return states;
}

export function lowerClamps(
  builder: BlockBuilder,
  graph: Graph,
  clamps: readonly ClampInstance[],
  inputs: readonly Input[],
  statistics: readonly State[],
  { batch, replicas }: { readonly batch: number; readonly replicas: number },
): Map<string, Clamp> {
  const bindings: Record<string, Bindings[string]> = { step: { scalar: 'step' } };
  for (const input of inputs) bindings[input.id] = { value: { id: input.id, shape: input.shape } };
  for (const clamp of clamps)
    for (const name of leavesOf(clamp.value, clamp.when ? leavesOf(clamp.when) : new Set()))
      bindReplica(builder, name, inputs, { batch, replicas }, bindings);
  for (const state of statistics) bindings[state.id] = { value: { id: state.id, shape: state.shape } };
  const lowered = new Map<string, Clamp>();
  for (const clamp of clamps) {
    const node = nodeOf(graph, clamp.node);
    builder.origin = nodeOrigin(node.name);
    const value = toShape(builder, lowerExpression(builder, clamp.value, bindings, batch), [batch, ...node.shape]);
    if (!clamp.when) {
      lowered.set(node.name, { value });
      continue;
    }
    const when = lowerExpression(builder, clamp.when, bindings, batch);
    lowered.set(node.name, { value, when: toShape(builder, when, [batch, ...clamp.when.shape]) });
  }
  builder.origin = undefined;
  return lowered;
}

/** `sample[i].FIELD` is the i-th share of the batch; where all replicas see the same samples, the whole. */
function bindReplica(
  builder: BlockBuilder,
  name: string,
  inputs: readonly Input[],
  { batch, replicas }: { readonly batch: number; readonly replicas: number },
  bindings: Record<string, Bindings[string]>,
): void {
  const { field, replica } = parseFieldLeaf(name) ?? {};
  const input = inputs.find((i) => i.field === field);
  if (replica === undefined || !input || bindings[name]) return;
  const whole = { id: input.id, shape: input.shape };
  const value = replicas === 1 ? whole : builder.op('slice', [whole], { axis: 0, from: replica * batch, size: batch });
  bindings[name] = { value };
}

/** A clamp flattens where the number of elements agrees; a value that is the same for all samples is repeated. */
function toShape(builder: BlockBuilder, value: Value, shape: readonly number[]): Value {
  if (value.shape.length === shape.length && value.shape.every((n, i) => n === shape[i])) return value;
  const count = value.shape.reduce((a, b) => a * b, 1);
  const wanted = shape.reduce((a, b) => a * b, 1);
  return builder.op(count === wanted ? 'reshape' : 'broadcast', [value], { shape: [...shape] });
}
