/** Whether a run can ever be trained on the trainers that a mesh has, and what would make it so where it cannot. */
import type { Plan } from '../../../spec/plan.ts';
import { EnvironmentError } from '../../support/errors.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import { printed } from '../../support/printable.ts';
import { placeOn, type RatedTrainer } from '../planning/predict-rate.ts';
import type { SaidBy } from './deploy-placement.ts';

type Fitting = (trainers: readonly RatedTrainer[], beyond: number) => number | undefined;

/** By what the plan says of its shards, before the data are there. @throws EnvironmentError `deploy/memory` */
export function assertPlanFits({ model, shards }: Plan, trainers: readonly RatedTrainer[], fitting?: Fitting): void {
  assertFits(
    model,
    shards.map((s) => ({ memory: s.memory, flops: s.flopsPerBatch })),
    trainers,
    fitting,
  );
}

/**
 * A mesh without trainers may get some: a run waits there.
 * @param fitting the fewest shards, more than that, that would fit
 * @throws EnvironmentError `deploy/memory`
 */
export function assertFits(
  model: string,
  shards: readonly { readonly memory: number; readonly flops: number }[],
  trainers: readonly RatedTrainer[],
  fitting?: Fitting,
): void {
  if (trainers.length === 0) return;
  const needs = shards.map(({ memory, flops }) => ({ memory, flops, bytes: 0 }));
  if (placeOn(needs, trainers).problem === undefined) return;
  const [largest, all] = [Math.max(...needs.map((n) => n.memory)), sum(needs.map((n) => n.memory))];
  const lent = trainers.map((t) => t.capability.memory);
  const most = trainers.reduce((a, b) => (b.capability.memory > a.capability.memory ? b : a));
  const fits = fitting?.(trainers, shards.length);
  const cut = fits === undefined ? [] : [`cut it into more shards: --partition ${fits} fits`];
  if (largest > most.capability.memory)
    throw new EnvironmentError(
      'deploy/memory',
      `${model} can never be trained here: its largest shard needs ${formatBytes(largest)}, and ${most.name} lends most of the ${counted(trainers.length)}, ${formatBytes(most.capability.memory)}`,
      [...cut, `let a trainer with ${formatBytes(largest)} join`, 'or make the batch smaller (--batch)'].join('; '),
    );
  throw new EnvironmentError(
    'deploy/memory',
    `${model} can never be trained here: its ${shards.length} shards need ${formatBytes(all)} together, and what ${counted(trainers.length)} lend, ${formatBytes(sum(lent))}, has no room for all of them`,
    [
      ...cut,
      `let another trainer with ${formatBytes(Math.max(largest, all - sum(lent)))} join`,
      'or make the batch smaller (--batch)',
    ].join('; '),
  );
}

/** The default number of shards. */
export function tellChoice(said: SaidBy, shards: number, trainers: number, asJson: boolean): void {
  if (asJson || !said.shards?.startsWith('chosen') || trainers < 2) return;
  process.stderr.write(
    printed`${shards} ${shards === 1 ? 'shard trains' : 'shards train'} fastest on these ${counted(trainers)}; --partition asks for another number\n`,
  );
}

function counted(trainers: number): string {
  return trainers === 1 ? '1 trainer' : `${trainers} trainers`;
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
