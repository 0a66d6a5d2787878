/** `check accuracy(classify.digit, data.mnist.test.digit) >= 0.98` */

import { parseFieldLeaf } from '../../spec/names.ts';
import type { Binary, Call, Check, Expression } from '../1-syntax/ast.ts';
import { METRICS } from '../2-names/builtins.ts';
import { listNames } from '../diagnostics/reporter.ts';
import { closest } from '../diagnostics/suggest.ts';
import { sizeOf } from '../operators/expr.ts';
import type { CheckInstance, PredictTask } from './checked.ts';
import { dataOf } from './data.ts';
import type { Environment } from './environment.ts';
import { evaluate } from './evaluate.ts';
import { showType } from './link-part.ts';
import { wholeShape } from './sequence.ts';
import { showExpression } from './show.ts';
import { readersOf } from './starts.ts';
import { describe, isPoison } from './term.ts';

const COMPARISONS = ['>=', '>', '<=', '<', '=='] as const;
type Comparison = (typeof COMPARISONS)[number];
const FORM = '`check accuracy(TASK.READ, data.NAME.SPLIT.FIELD) >= 0.9`';

/** The call of a metric inside a check, when it has that form. */
export function metricOf(
  condition: Expression,
): { comparison: Comparison; call: Call; metric: string; bound: Expression } | undefined {
  if (condition.kind !== 'binary') return undefined;
  const comparison = COMPARISONS.find((c) => c === condition.operator);
  const { left, right }: Binary = condition;
  if (comparison === undefined || left.kind !== 'call' || left.callee.kind !== 'name') return undefined;
  return { comparison, call: left, metric: left.callee.name, bound: right };
}

/** The predict task whose read a check measures, when it has that form. */
export function taskRead(check: Check): string | undefined {
  const read = metricOf(check.condition)?.call.arguments[0]?.value;
  return read?.kind === 'member' && read.of.kind === 'name' ? read.of.name : undefined;
}

/** @param predicts the tasks that could be worked out, by name; others have been reported */
export function elaborateCheck(
  check: Check,
  predicts: ReadonlyMap<string, PredictTask>,
  environment: Environment,
): CheckInstance | undefined {
  const { reporter } = environment.session;
  const found = metricOf(check.condition);
  if (found === undefined || !METRICS.includes(found.metric)) {
    const reason =
      found === undefined ? 'a check compares a metric with a number' : `the metrics are ${listNames(METRICS)}`;
    const near = found && closest(found.metric, METRICS);
    reporter.report('check/form', found?.call.callee.span ?? check.condition.span, reason, {
      repair: near === undefined ? FORM : `did you mean \`${near}\`?`,
    });
    return undefined;
  }
  const [first, second] = found.call.arguments.map((a) => a.value);
  const taskName = taskRead(check);
  if (first?.kind !== 'member' || taskName === undefined || second === undefined || found.call.arguments.length !== 2) {
    reporter.report(
      'check/form',
      found.call.span,
      `\`${found.metric}\` compares a read of a predict task with a field of data`,
      { repair: FORM },
    );
    return undefined;
  }
  const data = dataOf(second, environment, evaluate);
  const bound = evaluate(found.bound, environment);
  const task = predicts.get(taskName);
  const read = task?.reads.find((r) => r.name === first.name.text);
  if (data === undefined || isPoison(bound) || task === undefined || read === undefined) return undefined;
  const field = data.reference.fields.find((f) => f.name === data.field);
  if (field === undefined) {
    const names = data.reference.fields.map((f) => f.name);
    reporter.report(
      'check/form',
      second.span,
      `name the field to compare with; ${data.reference.source} has ${listNames(names)}`,
      {
        repair: `\`${showExpression(second)}.${names[0] ?? 'digit'}\``,
      },
    );
    return undefined;
  }
  if (typeof bound !== 'number') {
    reporter.report('check/form', found.bound.span, `a metric is compared with a number, not with ${describe(bound)}`);
    return undefined;
  }
  const answer =
    task.replicas > 1 && read.value.shape[0] === task.replicas ? read.value.shape.slice(1) : read.value.shape;
  const one = task.sequence === undefined ? answer : [task.sequence, ...answer];
  if (sizeOf(one) !== sizeOf(field.shape)) {
    const hint = sizeOf(field.shape) === 1 ? `\`read ${read.name} = argmax(…)\`` : undefined;
    reporter.report(
      'check/shape',
      found.call.span,
      `\`${showExpression(first)}\` is ${showType(one)} for each sample, \`${field.name}\` is ${showType(field.shape)}`,
      { repair: hint },
    );
    return undefined;
  }
  const lacking = task.inputs.find(
    (input) => !data.reference.fields.some((f) => f.name === input.name && f.shape.join() === wholeShape(input).join()),
  );
  if (lacking !== undefined && readsField(task, lacking.name)) {
    reporter.report(
      'check/data',
      second.span,
      `\`${task.name}\` reads \`${lacking.name}\`, which ${data.reference.source} does not have in that shape`,
    );
    return undefined;
  }
  return {
    text: showExpression(check.condition),
    metric: found.metric,
    task: task.name,
    read: read.name,
    data: data.reference,
    field: field.name,
    comparison: found.comparison,
    bound,
    span: check.span,
  };
}

function readsField(task: PredictTask, field: string): boolean {
  const reads = (expr: PredictTask['clamps'][number]['value']): boolean =>
    expr.kind === 'leaf' ? parseFieldLeaf(expr.name)?.field === field : expr.kind === 'apply' && expr.args.some(reads);
  const clamps = readersOf(task).some((clamp) => reads(clamp.value) || (clamp.when !== undefined && reads(clamp.when)));
  return clamps || task.reads.some((read) => reads(read.value));
}
