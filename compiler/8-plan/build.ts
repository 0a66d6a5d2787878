/** A plan in memory: everything the runtime needs of a model and one of its tasks, for one shard. */

import { predictName, scoresName } from '../../spec/names.ts';
import type {
  Plan,
  PlanCheck,
  PlanData,
  PlanField,
  PlanPart,
  PlanPrediction,
  PlanShard,
  PlanTraining,
} from '../../spec/plan.ts';
import { PLAN_FORMAT } from '../../spec/plan.ts';
import { memberStates, type Program, type ProgramFunction, sizeOf } from '../../spec/program.ts';
import { printLines } from '../../spec/program-text.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';
import type { Checked, CheckInstance, DataField, DataReference, PredictTask, TrainTask } from '../3-check/checked.ts';
import { readersOf } from '../3-check/starts.ts';
import type { Graph } from '../4-graph/graph.ts';
import { countFlops, countMemory } from '../5-program/cost.ts';
import type { Freedom } from '../5-program/free-ticks.ts';
import { valuesOf } from '../5-program/kept-values.ts';
import { methodOf, RULE_NAMES } from '../5-program/method.ts';
import type { Expr } from '../operators/expr.ts';
import { canonicalJson, collected, sha256, textInto } from './canonical.ts';
import { labelsOf } from './labels.ts';

export interface BuiltPlan {
  readonly plan: Plan;
  readonly program: Program;
  /** Every file but `plan.json`, by path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The schedule of each shard; none where there is one shard, which runs `program`. */
  readonly shards?: readonly BuiltShard[];
}

/** A plan before it is written. */
export interface PlanDraft {
  readonly program: Program;
  /** Its files, made one after the other as they are asked for. */
  readonly parts: Iterable<PlanPart>;
  /** What needs all files to have been made; it makes those that are not. */
  readonly whole: () => WholePlan;
}

/** A plan that has no entries of its files yet. */
export interface WholePlan {
  readonly plan: Plan;
  readonly shards?: readonly BuiltShard[];
}

export interface BuiltShard {
  readonly program: Program;
  readonly schedule: ShardSchedule;
  /** Files of the CPU device by the names that it knows. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export interface PlanSource {
  readonly compiler: string;
  readonly checked: Checked;
  readonly graph: Graph;
  readonly task: TrainTask | undefined;
  readonly predicts: readonly PredictTask[];
  /** As `Uncut.ahead`. */
  readonly ahead?: number;
  /** As `Uncut.async`. */
  readonly async?: Freedom;
  readonly program: Program;
  /** The CPU device's files, by path. */
  readonly cpu: ReadonlyMap<string, Uint8Array>;
  readonly modules: readonly { readonly path: string; readonly text: string }[];
}

/** All files of a draft in memory. */
export function builtOf({ program, parts, whole }: PlanDraft): BuiltPlan {
  const files = new Map(Array.from(parts, ({ path, write }) => [path, collected(write)] as const));
  const { plan, shards } = whole();
  const listed = [...files].map(([path, bytes]) => ({ path, sha256: sha256(bytes), bytes: bytes.length }));
  return { plan: { ...plan, files: listed }, program, files, ...(shards ? { shards } : {}) };
}

export function draftPlan(source: PlanSource): PlanDraft {
  const { program, graph, cpu } = source;
  const parts = [
    programPart('shards/0/program.txt', program),
    ...[...cpu].map(([path, bytes]) => bytesPart(path, bytes)),
  ];
  const train = program.functions.find((f) => f.role === 'train');
  const shard: PlanShard = {
    id: 0,
    nodes: graph.nodes.map((n) => n.name),
    parameters: program.states
      .flatMap(memberStates)
      .filter((s) => s.role === 'parameter')
      .map(({ id, shape, init }) => ({ name: id, shape, init })),
    parameterCount: program.states.reduce((sum, s) => sum + (s.role === 'parameter' ? sizeOf(s.shape) : 0), 0),
    memory: countMemory(program),
    flopsPerBatch: train ? countFlops(program, train) : 0,
    program: 'shards/0/program.txt',
    cpu: [...cpu.keys()],
  };
  const names = new Set(source.predicts.map((p) => p.name));
  const plan: Plan = {
    format: PLAN_FORMAT,
    compiler: source.compiler,
    model: graph.name,
    source: source.modules.map((m) => ({ path: m.path, sha256: sha256(encode(m.text)) })),
    ...(source.task && train ? { training: trainingOf(graph, source.task, train, source) } : {}),
    predictions: source.predicts.flatMap((p) => predictionOf(p, program)),
    checks: source.checked.checks.filter((c) => names.has(c.task)).map(checkOf),
    shards: [shard],
    borders: [],
    files: [],
  };
  return { program, parts, whole: () => ({ plan }) };
}

export function programPart(path: string, program: Program): PlanPart {
  return {
    path,
    write: (sink) => {
      const out = textInto(sink);
      printLines(program, (line) => out.write(`${line}\n`));
      out.end();
    },
  };
}

export function bytesPart(path: string, bytes: Uint8Array): PlanPart {
  return { path, write: (sink) => sink(bytes) };
}

/** `plan.json` as it is written: canonical, so the same input gives the same bytes everywhere. */
export function planBytes(plan: Plan): Uint8Array {
  return canonicalJson(plan);
}

function trainingOf(
  graph: Graph,
  task: TrainTask,
  f: ProgramFunction,
  { ahead = 0, async }: Pick<PlanSource, 'ahead' | 'async'>,
): PlanTraining {
  const method = methodOf(task);
  const epsilon = epsilonOf(task.optimizer.nextWeight);
  const values = valuesOf(graph, task);
  return {
    task: task.name,
    rule: describeRule(task),
    ...(task.found === undefined ? {} : { found: task.found }),
    ...(values === undefined ? {} : { values }),
    ...('steps' in method ? { ticks: method.steps } : {}),
    ...(epsilon === undefined ? {} : { epsilon }),
    data: dataOf(task.data),
    ...(task.validation ? { validation: dataOf(task.validation) } : {}),
    batch: task.batch,
    ...(task.batch > f.batch * task.replicas ? { microbatches: Math.ceil(task.batch / f.batch) } : {}),
    ...(ahead > 0 ? { ahead } : {}),
    ...(async && { async }),
    epochs: task.epochs,
    ...(task.sequence === undefined ? {} : { sequence: task.sequence }),
    ...(task.last === undefined ? {} : { last: task.last }),
    inputs: inputsOf(f, task.inputs ?? [], readersOf(task)),
  };
}

/** The constant that an optimiser adds to a root of squared gradients, as Adam does. */
function epsilonOf(expr: Expr): number | undefined {
  if (expr.kind !== 'apply') return undefined;
  const [root, constant] = expr.args;
  if (expr.op === 'add' && root?.kind === 'apply' && root.op === 'sqrt' && constant?.kind === 'constant')
    return constant.value;
  for (const arg of expr.args) {
    const found = epsilonOf(arg);
    if (found !== undefined) return found;
  }
  return undefined;
}

function describeRule(task: TrainTask): string {
  const method = methodOf(task);
  const name = RULE_NAMES[method.rule];
  if (!('steps' in method)) return name;
  const nudged = 'nudge' in method && method.nudge ? ', nudged output' : '';
  return `${name}, ${method.steps} ticks${nudged}`;
}

function predictionOf(task: PredictTask, program: Program): PlanPrediction[] {
  const f = program.functions.find((g) => g.name === predictName(task.name));
  if (!f) return [];
  const reads = task.reads.map((r) => ({
    name: r.name,
    shape: r.value.shape,
    scores: f.results.some((result) => result.name === scoresName(r.name)),
  }));
  const sequence = task.sequence === undefined ? {} : { sequence: task.sequence };
  const inputs = inputsOf(f, task.inputs, [...readersOf(task), ...task.reads]);
  return [{ task: task.name, function: f.name, batch: f.batch, ...sequence, inputs, reads }];
}

function checkOf(check: CheckInstance): PlanCheck {
  const { text, metric, classes, best, class: label, task, read, data, field, comparison, bound } = check;
  const numbers = {
    ...(classes === undefined ? {} : { classes }),
    ...(best === undefined ? {} : { best }),
    ...(label === undefined ? {} : { class: label }),
  };
  return { text, metric, ...numbers, task, read, data: dataOf(data), field, comparison, bound };
}

/** A data set as a plan names it. */
export function dataOf(reference: DataReference): PlanData {
  const { span: _span, ...data } = reference;
  return data;
}

function inputsOf(
  f: ProgramFunction,
  fields: readonly DataField[],
  readers: Parameters<typeof labelsOf>[0],
): PlanField[] {
  const known = labelsOf(readers);
  return f.inputs.map((i) => {
    const steps = fields.find((field) => field.name === i.field)?.steps;
    const labels = known.get(i.field);
    return {
      name: i.field,
      type: i.type,
      shape: i.shape.slice(1),
      ...(steps === undefined ? {} : { steps }),
      ...(labels === undefined ? {} : { labels }),
    };
  });
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
