/** A training as JSON lines; their names and order are a contract with other programs. */
import type { Plan } from '../../../spec/plan.ts';
import type { CheckResult } from '../../shard/checks.ts';
import type { RunState } from '../../store/run-folder.ts';
import { emit } from '../../support/emit.ts';
import { holds } from '../../training/metrics.ts';
import { probeText } from '../compiling/probe.ts';
import { EXIT } from '../shell/command.ts';
import { showDiagnostics } from '../shell/show-diagnostics.ts';
import type { Reporter } from './train-report.ts';
import { checkTotal } from './train-settings.ts';

export function jsonReporter(): Reporter {
  return {
    observer: {
      epochStarted: () => undefined,
      batchDone: () => undefined,
      measuring: () => undefined,
      epochDone: (report) => emit({ event: 'epoch', ...report }),
    },
    warnings: (warnings, texts) => showDiagnostics(process.stderr, warnings, texts),
    note: (line) => process.stderr.write(`${line}\n`),
    start: (plan, training, device) =>
      emit({
        event: 'start',
        model: plan.model,
        task: training.task,
        device: device.name,
        ...(device.precision === undefined ? {} : { precision: device.precision }),
        parameters: plan.shards.reduce((sum, s) => sum + s.parameterCount, 0),
        flopsPerBatch: plan.shards.reduce((sum, s) => sum + s.flopsPerBatch, 0),
        ...(training.found ? { found: training.found } : {}),
        ...(training.values ? { values: training.values } : {}),
      }),
    data: () => undefined,
    probed: ({ curvature, limit, rate }) => emit({ event: 'probe', curvature, limit, rate, stable: rate <= limit }),
    rateTooLarge: (found) => process.stderr.write(`${probeText(found)}\n`),
    waiting: (_what, work) => work,
    begins: () => undefined,
    stopProgress: () => undefined,
    interrupted: (out) => {
      emit({ event: 'interrupted', out });
      return EXIT.interrupted;
    },
    done: (out, _rows, end, seconds) =>
      emit({ event: 'done', accuracy: end.accuracy, seconds, checks: end.checks, out }),
    alreadyDone: (run, plan) => {
      const accuracy = run.readMetrics().at(-1)?.accuracy ?? null;
      emit({ event: 'done', accuracy, seconds: 0, checks: storedChecks(plan, run.resumedFrom), out: run.directory });
      return EXIT.done;
    },
  };
}

/** The checks as the finished run measured them. */
export function storedChecks(plan: Plan, state: RunState): CheckResult[] {
  return plan.checks.flatMap((check, i) => {
    const value = state.totals[checkTotal(i)];
    return value === undefined ? [] : [{ check: check.text, value, pass: holds(check, value) }];
  });
}
