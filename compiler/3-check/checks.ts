/** `check accuracy(classify.digit, data.mnist.test.digit) >= 0.98` */

import { METRIC_NAMES, type Metric, metricCalled } from '../../spec/metrics.ts';
import { parseFieldLeaf } from '../../spec/names.ts';
import type { Binary, Call, Check, Expression, Member } from '../1-syntax/ast.ts';
import { listNames } from '../diagnostics/reporter.ts';
import { closest } from '../diagnostics/suggest.ts';
import { type Shape, sizeOf } from '../operators/expr.ts';
import type { CheckInstance, PredictTask } from './checked.ts';
import { dataOf } from './data.ts';
import type { Environment } from './environment.ts';
import { evaluate } from './evaluate.ts';
import { showType } from './link-part.ts';
import { wholeShape } from './sequence.ts';
import { isSameOrder } from './shapes.ts';
import { showExpression } from './show.ts';
import { readersOf } from './starts.ts';
import { describe, isPoison } from './term.ts';

const COMPARISONS = ['>=', '>', '<=', '<', '=='] as const;
type Comparison = (typeof COMPARISONS)[number];
const FORM = '`check accuracy(TASK.READ, data.NAME.SPLIT.FIELD) >= 0.9`';
const NUMBERED_FORMS = {
  best: '`check top(5, TASK.READ, data.NAME.SPLIT.FIELD) >= 0.9`',
  class: '`check recall(1, TASK.READ, data.NAME.SPLIT.FIELD) >= 0.9`',
} as const;

/** The call of a metric inside a check, when it has that form. */
function metricOf(
  condition: Expression,
): { comparison: Comparison; call: Call; metric: string; bound: Expression } | undefined {
  if (condition.kind !== 'binary') return undefined;
  const comparison = COMPARISONS.find((c) => c === condition.operator);
  const { left, right }: Binary = condition;
  if (comparison === undefined || left.kind !== 'call' || left.callee.kind !== 'name') return undefined;
  return { comparison, call: left, metric: left.callee.name, bound: right };
}

/** What a metric compares: the read of a task, then a field of data. */
function compared(check: Check): readonly (Expression | undefined)[] {
  const found = metricOf(check.condition);
  const given = found?.call.arguments.map((a) => a.value) ?? [];
  return found && metricCalled(found.metric)?.number ? given.slice(1) : given;
}

/** The data that a check measures on, when it has that form. */
export function comparedData(check: Check): Expression | undefined {
  return compared(check)[1];
}

/** The predict task whose read a check measures, when it has that form. */
export function taskRead(check: Check): string | undefined {
  const [read] = compared(check);
  return read?.kind === 'member' && read.of.kind === 'name' ? read.of.name : undefined;
}

/** @param predicts the tasks that could be worked out, by name; others have been reported */
export function elaborateCheck(
  check: Check,
  predicts: ReadonlyMap<string, PredictTask>,
  environment: Environment,
): CheckInstance | undefined {
  const { reporter } = environment.session;
  const written = writtenCheck(check, environment);
  if (written === undefined) return undefined;
  const { found, metric, read: named, taskName, data: place, number } = written;
  const data = dataOf(place, environment, evaluate);
  const bound = evaluate(found.bound, environment);
  const task = predicts.get(taskName);
  const read = task?.reads.find((r) => r.name === named.name.text);
  if (data === undefined || isPoison(bound) || task === undefined || read === undefined) return undefined;
  const field = data.reference.fields.find((f) => f.name === data.field);
  if (field === undefined) {
    const names = data.reference.fields.map((f) => f.name);
    const reason = `name the field to compare with; ${data.reference.source} has ${listNames(names)}`;
    reporter.report('check/form', place.span, reason, {
      repair: `\`${showExpression(place)}.${names[0] ?? 'digit'}\``,
    });
    return undefined;
  }
  if (typeof bound !== 'number') {
    reporter.report('check/form', found.bound.span, `a metric is compared with a number, not with ${describe(bound)}`);
    return undefined;
  }
  const one = answerShape(task, read.value.shape);
  const chosen = chosenFrom(read.value);
  if (metric.ofScores === 'or-one' && chosen) {
    const reason = `\`${showExpression(named)}\` is the number of a class, and \`${found.metric}\` ranks scores`;
    const repair = `\`read scores = …\`, of what \`argmax\` chooses from`;
    reporter.report('check/shape', found.call.span, reason, { repair });
    return undefined;
  }
  const mistake = shapeMistake(one, field.shape, metric);
  if (mistake !== undefined) {
    const reason = `${mistake.reason}\`${showExpression(named)}\` is ${showType(one)} for each sample, \`${field.name}\` is ${showType(field.shape)}`;
    const repair = mistake.repair && `\`read ${read.name} = ${mistake.repair}\``;
    reporter.report('check/shape', found.call.span, reason, { repair });
    return undefined;
  }
  const classes = classesOf(metric, one, field.shape);
  if (classes !== undefined && !metric.byRank && isSoftmax(read.value)) {
    const reason = `\`${showExpression(named)}\` is a softmax already, and \`${found.metric}\` takes the one of its scores`;
    const repair = `\`read scores = …\`, of what the softmax is taken`;
    reporter.report('check/shape', found.call.span, reason, { repair });
    return undefined;
  }
  const isClass = metric.number === 'class' && number !== undefined;
  const most = classes ?? chosen;
  if (isClass && most !== undefined && number >= most) {
    const reason = `there is no class ${number}: \`${showExpression(named)}\` has ${most}, 0 to ${most - 1}`;
    reporter.report('check/form', found.call.arguments[0]?.span ?? found.call.span, reason);
    return undefined;
  }
  const lacking = task.inputs.find(
    (input) => !data.reference.fields.some((f) => f.name === input.name && f.shape.join() === wholeShape(input).join()),
  );
  if (lacking !== undefined && readsField(task, lacking.name)) {
    const reason = `\`${task.name}\` reads \`${lacking.name}\`, which ${data.reference.source} does not have in that shape`;
    reporter.report('check/data', place.span, reason);
    return undefined;
  }
  return {
    text: showExpression(check.condition),
    metric: found.metric,
    ...(classes === undefined ? {} : { classes }),
    ...(number === undefined ? {} : isClass ? { class: number } : { best: number }),
    task: task.name,
    read: read.name,
    data: data.reference,
    field: field.name,
    comparison: found.comparison,
    bound,
    span: check.span,
  };
}

interface WrittenCheck {
  readonly found: NonNullable<ReturnType<typeof metricOf>>;
  readonly metric: Metric;
  readonly taskName: string;
  readonly read: Member;
  readonly data: Expression;
  /** What goes before the read. */
  readonly number: number | undefined;
}

/** What a check names, as far as its form goes; undefined after a report. */
function writtenCheck(check: Check, environment: Environment): WrittenCheck | undefined {
  const { reporter } = environment.session;
  const found = metricOf(check.condition);
  const metric = found && metricCalled(found.metric);
  if (found === undefined || metric === undefined) {
    const reason =
      found === undefined ? 'a check compares a metric with a number' : `the metrics are ${listNames(METRIC_NAMES)}`;
    const near = found && closest(found.metric, METRIC_NAMES);
    reporter.report('check/form', found?.call.callee.span ?? check.condition.span, reason, {
      repair: near === undefined ? FORM : `did you mean \`${near}\`?`,
    });
    return undefined;
  }
  const given = compared(check);
  const [read, data] = given;
  const before = metric.number ? found.call.arguments[0]?.value : undefined;
  const taskName = taskRead(check);
  const number = before && numberOf(before, metric, environment);
  if (read?.kind === 'member' && taskName !== undefined && data !== undefined && given.length === 2)
    if (!metric.number || number !== undefined) return { found, metric, taskName, read, data, number };
  const takes = metric.number && (metric.number === 'best' ? 'a whole number' : 'the number of a class, from 0');
  const reason = takes
    ? `\`${found.metric}\` takes ${takes}, a read of a predict task and a field of data`
    : `\`${found.metric}\` compares a read of a predict task with a field of data`;
  reporter.report('check/form', found.call.span, reason, {
    repair: metric.number ? NUMBERED_FORMS[metric.number].replace(/(?<=check )\w+/, found.metric) : FORM,
  });
  return undefined;
}

/** Of one sample: without the replicas, with the steps of a sequence. */
function answerShape({ replicas, sequence }: PredictTask, shape: Shape): Shape {
  const answer = replicas > 1 && shape[0] === replicas ? shape.slice(1) : shape;
  return sequence === undefined ? answer : [sequence, ...answer];
}

/** @param repair of the read, without its name */
function shapeMistake(
  read: Shape,
  field: Shape,
  { ofScores }: Metric,
): { readonly reason: string; readonly repair?: string } | undefined {
  if (ofScores === 'or-one' && isSameOrder(read, field)) return undefined;
  if (ofScores) {
    if (read.length > 1 && isSameOrder(read.slice(0, -1), field)) return undefined;
    if (read.length === 1 && sizeOf(field) === 1) return undefined;
    return { reason: 'scores have a number for each class along one axis more than the field: ' };
  }
  if (isSameOrder(read, field)) return undefined;
  if (sizeOf(read) === sizeOf(field)) return { reason: 'as many elements in another order: ' };
  return { reason: '', ...(sizeOf(field) === 1 ? { repair: 'argmax(…)' } : {}) };
}

/** How many of the best classes count, or a class; undefined for anything but a whole number from 1, or from 0. */
function numberOf(expression: Expression, { number }: Metric, environment: Environment): number | undefined {
  // A read stands where the number was forgotten.
  if (expression.kind === 'member') return undefined;
  const value = evaluate(expression, environment);
  const least = number === 'best' ? 1 : 0;
  return typeof value === 'number' && Number.isInteger(value) && value >= least ? value : undefined;
}

/** How many scores a read has for each element of the field, where it has more than one. */
function classesOf({ ofScores }: Metric, read: Shape, field: Shape): number | undefined {
  if (!ofScores || (ofScores === 'or-one' && sizeOf(read) === sizeOf(field))) return undefined;
  return read.at(-1);
}

/** How many an `argmax` chooses from. */
function chosenFrom(read: PredictTask['reads'][number]['value']): number | undefined {
  const [scores] = read.kind === 'apply' && read.op === 'argmax' ? read.args : [];
  return scores && sizeOf(scores.shape) / sizeOf(read.shape);
}

function isSoftmax(value: PredictTask['reads'][number]['value']): boolean {
  return value.kind === 'apply' && (value.op === 'softmax' || (value.op === 'reshape' && value.args.some(isSoftmax)));
}

function readsField(task: PredictTask, field: string): boolean {
  const reads = (expr: PredictTask['clamps'][number]['value']): boolean =>
    expr.kind === 'leaf' ? parseFieldLeaf(expr.name)?.field === field : expr.kind === 'apply' && expr.args.some(reads);
  const clamps = readersOf(task).some((clamp) => reads(clamp.value) || (clamp.when !== undefined && reads(clamp.when)));
  return clamps || task.reads.some((read) => reads(read.value));
}
