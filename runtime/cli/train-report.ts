/** What a training prints: JSON lines for programs, or a bar, a plot and the next command for people. */
import type { Diagnostic } from '../../compiler/diagnostics/diagnostic.ts';
import { renderDiagnostics } from '../../compiler/diagnostics/render.ts';
import type { Plan, PlanTraining } from '../../spec/plan.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Device } from '../device/device.ts';
import type { EpochReport, TrainingEnd, TrainingObserver } from '../shard/training.ts';
import type { StoredRow, TrainingRun } from '../store/run-folder.ts';
import { emit } from '../support/emit.ts';
import { formatCount, formatMeasure, formatPercent } from '../support/format-numbers.ts';
import { createProgress, type Progress } from '../support/progress.ts';
import { smallPlot } from '../support/sparkline.ts';
import { EXIT } from './command.ts';

export interface Reporter {
  readonly observer: TrainingObserver;
  warnings(warnings: readonly Diagnostic[], texts: ReadonlyMap<string, string>): void;
  note(line: string): void;
  start(plan: Plan, training: PlanTraining, device: Device, data: Dataset, directory: string): void;
  stopProgress(): void;
  /** @returns the exit code */
  interrupted(directory: string): number;
  done(directory: string, rows: readonly StoredRow[], end: TrainingEnd & { kind: 'done' }, seconds: number): void;
  alreadyDone(run: TrainingRun, plan: Plan): number;
}

export function reporterFor(asJson: boolean): Reporter {
  return asJson ? jsonReporter() : humanReporter();
}

function startEvent(plan: Plan, training: PlanTraining, device: Device): Record<string, unknown> {
  const parameters = plan.shards.reduce((sum, s) => sum + s.parameterCount, 0);
  const flopsPerBatch = plan.shards.reduce((sum, s) => sum + s.flopsPerBatch, 0);
  return { event: 'start', model: plan.model, task: training.task, device: device.name, parameters, flopsPerBatch };
}

function jsonReporter(): Reporter {
  const epochDone = (r: EpochReport): void => {
    const { epoch, energy, accuracy, seconds, samplesPerSecond, validation, energyByNode } = r;
    emit({
      event: 'epoch',
      epoch,
      energy,
      accuracy,
      seconds,
      samplesPerSecond,
      ...(validation === null ? {} : { validation }),
      energyByNode,
    });
  };
  return {
    observer: { epochStarted: () => undefined, batchDone: () => undefined, epochDone },
    warnings: printWarnings,
    note: (line) => process.stderr.write(`${line}\n`),
    start: (plan, training, device) => emit(startEvent(plan, training, device)),
    stopProgress: () => undefined,
    interrupted: (out) => {
      emit({ event: 'interrupted', out });
      return EXIT.interrupted;
    },
    done: (out, _rows, end, seconds) =>
      emit({ event: 'done', accuracy: end.accuracy, seconds, checks: end.checks, out }),
    alreadyDone: (run, plan) => {
      const rows = run.readMetrics();
      emit({
        event: 'done',
        accuracy: rows.at(-1)?.accuracy ?? null,
        seconds: 0,
        checks: storedChecks(plan, rows),
        out: run.directory,
      });
      return EXIT.done;
    },
  };
}

/** The checks of a finished run that its last row of metrics answers. */
function storedChecks(plan: Plan, rows: readonly StoredRow[]): { check: string; value: number; pass: boolean }[] {
  const accuracy = rows.at(-1)?.accuracy;
  const check = plan.checks.find((c) => c.metric === 'accuracy');
  if (typeof accuracy !== 'number' || !check) return [];
  return [{ check: check.text, value: accuracy, pass: accuracy >= check.bound }];
}

function humanReporter(): Reporter {
  const progress: Progress = createProgress();
  const out = (line = ''): void => {
    process.stdout.write(`${line}\n`);
  };
  let lastEnergies: EpochReport['energyByNode'] = {};
  return {
    observer: {
      epochStarted: (epoch, epochs, batches, done) =>
        progress.startEpoch({ epoch, epochs, batches, batchesDone: done }),
      batchDone: (batch, samples) => progress.update(batch, samples),
      epochDone: (r) => {
        lastEnergies = r.energyByNode;
        const measures: Record<string, number> = r.validation === null ? {} : { validation: r.validation };
        progress.finishEpoch({ energy: r.energy, measures, ...(r.accuracy === null ? {} : { accuracy: r.accuracy }) });
      },
    },
    warnings: printWarnings,
    note: (line) => progress.note(line),
    start: (plan, training, device, data, directory) => {
      const links = new Set(
        plan.shards.flatMap((s) => s.parameters.map((p) => p.name.split('.').slice(0, -1).join('.'))),
      ).size;
      const parameters = plan.shards.reduce((sum, s) => sum + s.parameterCount, 0);
      out(
        `${plan.model} (${training.task}) · ${formatCount(parameters)} parameters in ${links} links · ${training.rule} · ${device.name} (${device.description})`,
      );
      out(`data   ${data.name}, ${formatCount(data.length)} samples, ${data.origin}`);
      out(`run    ${directory}`);
      out();
    },
    stopProgress: () => progress.stop(),
    interrupted: (directory) => {
      out(`saved  ${directory}    go on with: nmc train --resume ${directory}`);
      return EXIT.interrupted;
    },
    done: (directory, rows, end) => {
      out();
      if (rows.length > 1) out(smallPlot(rows));
      const nodes = Object.entries(lastEnergies).map(([node, energy]) => `${node} ${formatMeasure(energy)}`);
      if (nodes.length > 0 && nodes.length <= 12) out(`energy by node   ${nodes.join('   ')}`);
      for (const c of end.checks) out(`check  ${c.check}   ${formatPercent(c.value)}   ${c.pass ? 'holds' : 'FAILS'}`);
      out(`saved  ${directory}    next: nmc predict ${directory} --input my.png`);
    },
    alreadyDone: (run) => {
      out(`${run.directory} is finished already (${run.readMetrics().length} epochs); nothing was changed`);
      return EXIT.done;
    },
  };
}

function printWarnings(warnings: readonly Diagnostic[], texts: ReadonlyMap<string, string>): void {
  if (warnings.length > 0)
    process.stderr.write(renderDiagnostics(warnings, texts, { color: process.stderr.isTTY === true }));
}
