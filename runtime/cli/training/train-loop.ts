/** From an open run to its end: trained, interrupted or failed, and what is kept of it. */
import type { Plan, PlanTraining } from '../../../spec/plan.ts';
import type { Device } from '../../device/device.ts';
import type { Shard } from '../../shard/shard.ts';
import type { TrainingData } from '../../shard/trainable.ts';
import { type TrainingEnd, train } from '../../shard/training.ts';
import type { TrainingRun } from '../../store/run-folder.ts';
import { EXIT } from '../shell/command.ts';
import { timed, timedObserver } from '../shell/debug.ts';
import type { Interrupt } from '../shell/watch-interrupt.ts';
import { writeSample } from './sample-file.ts';
import type { Reporter } from './train-report.ts';
import { checkTotal, type TrainSettings } from './train-settings.ts';

export interface Job {
  readonly plan: Plan;
  readonly training: PlanTraining;
  readonly chosen: TrainSettings;
  readonly data: TrainingData;
  readonly shard: Shard;
  /** For the last part of an epoch, where it is kept. */
  readonly last?: Shard | undefined;
  readonly device: Device;
}

/** @returns the exit code */
export async function runTo(run: TrainingRun, job: Job, reporter: Reporter, interrupt: Interrupt): Promise<number> {
  const { plan, training, shard, last, data, chosen } = job;
  const started = performance.now();
  try {
    reporter.begins(run);
    const end = await timed('train', () =>
      train({
        plan,
        training,
        shard,
        ...(last ? { last } : {}),
        data,
        run,
        epochs: chosen.epochs,
        seed: chosen.seed,
        stopRequested: interrupt.requested,
        observer: timedObserver(reporter.observer),
        now: () => performance.now(),
      }),
    );
    reporter.stopProgress();
    if (end.kind === 'interrupted') return reporter.interrupted(run.directory);
    await finish(run, job, end);
    reporter.done(run.directory, run.readMetrics(), end, (performance.now() - started) / 1000);
    return end.checks.every((c) => c.pass) ? EXIT.done : EXIT.checkFailed;
  } catch (error) {
    throw (await import('../shell/lost-device.ts')).withWayOn(error, job.device.name, run);
  } finally {
    reporter.stopProgress();
    run.close();
  }
}

async function finish(run: TrainingRun, job: Job, end: TrainingEnd & { kind: 'done' }): Promise<void> {
  const { plan, chosen, device, data } = job;
  writeSample(run.directory, plan, data);
  const results = plan.checks.map((check) => {
    const found = end.checks.find((c) => c.check === check.text);
    return {
      metric: check.metric,
      data: `${check.data.source} ${check.data.split}`,
      value: found?.value ?? Number.NaN,
      requirement: `${check.comparison} ${check.bound}`,
      holds: found?.pass ?? false,
    };
  });
  const seconds = run.readMetrics().reduce((sum, row) => sum + (typeof row.seconds === 'number' ? row.seconds : 0), 0);
  const state = { ...run.latestSnapshot(), totals: checkTotals(plan, end) };
  await run.finish(state, {
    epochs: chosen.epochs,
    seconds,
    device: `${device.name} (${device.description})`,
    results,
  });
}

/** The checks' values, kept in the last snapshot so that asking a finished run again needs no measuring. */
function checkTotals(plan: Plan, end: TrainingEnd & { kind: 'done' }): Record<string, number> {
  return Object.fromEntries(
    plan.checks.flatMap((check, i) => {
      const found = end.checks.find((c) => c.check === check.text);
      return found ? [[checkTotal(i), found.value] as const] : [];
    }),
  );
}
