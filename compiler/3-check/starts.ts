/**
 * Where a task lets the values of free nodes begin: `start h = sample.guess`. Otherwise they begin at their prediction,
 * or at the `start` of their node.
 */
import { sampleLeaf } from '../../spec/names.ts';
import type { Predict, StartStatement, Train } from '../1-syntax/ast.ts';
import { isBatched } from '../operators/expr.ts';
import type { ClampInstance } from './checked.ts';
import { type Clamps, clampTarget, makeClamp, type SampleFields, withSample } from './clamps.ts';
import type { Environment } from './environment.ts';

/** @param held of the same task: a node that is held in every sample begins nowhere else */
export function elaborateStarts(
  task: Train | Predict,
  sample: SampleFields,
  held: Clamps,
  environment: Environment,
): readonly ClampInstance[] {
  const starts: ClampInstance[] = [];
  for (const statement of task.body)
    if (statement.kind === 'start') starts.push(...startsOf(statement, task, sample, held, starts, environment));
  return starts;
}

function startsOf(
  statement: StartStatement,
  task: Train | Predict,
  sample: SampleFields,
  { clamps, replicas }: Clamps,
  before: readonly ClampInstance[],
  environment: Environment,
): ClampInstance[] {
  const { reporter } = environment.session;
  const target = clampTarget(statement, environment);
  if (target === undefined) return [];
  const { nodes, plural } = target;
  const each = plural && replicas > 1 && nodes.length === replicas;
  const found: ClampInstance[] = [];
  for (const [i, node] of nodes.entries()) {
    const clamp = clamps.find((c) => c.node === node.name && c.when === undefined);
    const twice = before.find((c) => c.node === node.name);
    const first = clamp ?? twice;
    if (first !== undefined) {
      const why = clamp ? 'is clamped in every sample, so it begins there' : 'has been started above';
      reporter.report('start/twice', statement.target.span, `\`${node.name}\` ${why}`, {
        repair: 'leave one of them out',
        labels: [{ span: first.span, text: clamp ? 'clamped here' : 'first here' }],
      });
      return found;
    }
    const start = makeClamp(statement, node, withSample(task, sample, sampleLeaf(each ? i : undefined), environment));
    if (start === undefined) return found;
    if (!each && replicas > 1 && [start.value, start.when].some((expr) => expr !== undefined && isBatched(expr))) {
      const reason = `\`${node.name}\` is one node, and there are ${replicas} samples to choose from`;
      reporter.report('clamp/replicas', statement.span, reason, {
        repair: 'start it at a value that is the same for all samples',
      });
      return found;
    }
    found.push(start);
  }
  return found;
}

/** Everything that reads the fields of a sample before the values settle. */
export function readersOf(task: {
  readonly clamps: readonly ClampInstance[];
  readonly starts?: readonly ClampInstance[];
}): readonly ClampInstance[] {
  return task.starts ? [...task.clamps, ...task.starts] : task.clamps;
}
