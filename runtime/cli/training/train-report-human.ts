/** A training for people: what begins, a bar for each epoch, a plot, the checks and the next command. */
import { isShare, metricCalled } from '../../../spec/metrics.ts';
import type { FoundRate, Plan, PlanTraining } from '../../../spec/plan.ts';
import type { CheckResult } from '../../shard/checks.ts';
import type { TrainingData } from '../../shard/trainable.ts';
import { nmc } from '../../support/command-text.ts';
import { formatCount, formatMeasure, formatPercent } from '../../support/format-numbers.ts';
import { printed } from '../../support/printable.ts';
import { createProgress } from '../../support/progress.ts';
import { smallPlot } from '../../support/sparkline.ts';
import { leftOutOf } from '../../training/calls.ts';
import type { EpochReport } from '../../training/epoch-report.ts';
import { probeText } from '../compiling/probe.ts';
import { EXIT } from '../shell/command.ts';
import { showDiagnostics } from '../shell/show-diagnostics.ts';
import { valuesText } from '../shell/values-text.ts';
import { sampleOf } from './sample-file.ts';
import type { Reporter } from './train-report.ts';
import { storedChecks } from './train-report-json.ts';

/** A wait shorter than this is not mentioned. */
const QUIET_MILLISECONDS = 1000;
/** More nodes than these would be a page of numbers. */
const MAX_NODES = 12;
const DEFAULT_COLUMNS = 80;
const PLOT_COLUMNS = 60;

export function humanReporter(): Reporter {
  const progress = createProgress();
  const out = (line = ''): void => {
    process.stdout.write(`${line}\n`);
  };
  let energies: EpochReport['energyByNode'] = {};
  let idleNodes: readonly string[] = [];
  return {
    observer: {
      epochStarted: (epoch, epochs, batches, done) =>
        progress.startEpoch({ epoch, epochs, batches, batchesDone: done }),
      batchDone: (batch, samples) => progress.update(batch, samples),
      measuring: (data, done, total) => progress.status(`${data} ${formatPercent(done / total)}`),
      epochDone: ({ energyByNode, learnsNothing = [], energy, accuracy, validation }) => {
        energies = energyByNode;
        idleNodes = learnsNothing;
        progress.finishEpoch({
          energy,
          ...(accuracy === null ? {} : { accuracy }),
          ...(validation === undefined ? {} : { measures: { validation } }),
        });
      },
    },
    warnings: (warnings, texts) => showDiagnostics(process.stderr, warnings, texts),
    note: (line) => progress.note(line),
    start: (plan, training, device) => {
      out(
        `${plan.model} (${training.task}) · ${parametersText(plan)} · ${training.rule} · ${device.name} (${device.description})`,
      );
      if (training.values) out(valuesText(training.values));
      if (training.found) out(foundText(training.found));
    },
    data: (data, training) => out(`data   ${dataText(data)}${restText(data)}${leftOutText(data, training)}`),
    probed: (found) => out(probeText(found)),
    rateTooLarge: (found) => out(probeText(found)),
    waiting: async (what, work) => {
      const timer = setTimeout(() => progress.note(`${what} …`), QUIET_MILLISECONDS);
      try {
        return await work;
      } finally {
        clearTimeout(timer);
      }
    },
    begins: (run) => out(`run    ${run.directory}\n`),
    stopProgress: () => progress.stop(),
    interrupted: (directory) => {
      out(printed`saved  ${directory}    go on with: ${nmc`train --resume ${directory}`}`);
      return EXIT.interrupted;
    },
    done: (directory, rows, end) => {
      out();
      const plot = smallPlot(rows, Math.min(PLOT_COLUMNS, process.stdout.columns ?? DEFAULT_COLUMNS));
      if (plot !== '') out(`${plot}\n`);
      const nodes = Object.entries(energies).map(([node, energy]) => `${node} ${formatMeasure(energy)}`);
      if (nodes.length > 0 && nodes.length <= MAX_NODES) out(`energy by node   ${nodes.join('   ')}`);
      if (idleNodes.length > 0) out(idleText(idleNodes));
      for (const line of checkLines(end.checks)) out(line);
      out(printed`saved  ${directory}    next: ${nmc`predict ${directory} --input ${sampleOf(directory) ?? 'FILE'}`}`);
    },
    alreadyDone: (run, plan) => {
      const epochs = run.readMetrics().length;
      for (const line of checkLines(storedChecks(plan, run.resumedFrom))) out(line);
      out(`${run.directory} is finished (${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}); nothing was changed`);
      return EXIT.done;
    },
  };
}

function foundText({ rate, curvature }: FoundRate): string {
  return `rate   ${rate}, from the largest curvature of the first batch, ${curvature.toPrecision(3)}    (rate = auto)`;
}

function idleText(nodes: readonly string[]): string {
  const shown = nodes.slice(0, MAX_NODES).join(', ');
  const more = nodes.length > MAX_NODES ? ` and ${nodes.length - MAX_NODES} more` : '';
  return `nothing learnt   ${shown}${more}: the error there is below the optimizer's epsilon (more ticks or a higher rate help)`;
}

/** Aligned: what was asked for, what it came to, and whether that holds. */
export function checkLines(checks: readonly CheckResult[]): string[] {
  const width = Math.max(0, ...checks.map((c) => c.check.length));
  return checks.map(({ check, value, pass }) => {
    const metric = check.slice(0, check.indexOf('('));
    if (Number.isNaN(value)) return `check  ${check.padEnd(width)}   FAILS: ${withoutFigure(metric)}`;
    const shown = isShare(metric) ? formatPercent(value) : formatMeasure(value);
    return `check  ${check.padEnd(width)}   ${shown}   ${pass ? 'holds' : 'FAILS'}`;
  });
}

/** Why a check has no figure: a share of nothing is none. */
function withoutFigure(metric: string): string {
  const notFinite = 'what is read is not a finite number';
  switch (metricCalled(metric)?.ofSome) {
    case undefined:
      return notFinite;
    case 'pairs':
      return `all elements are of this class, or none, or ${notFinite}`;
    case 'elements':
      return `no element is ${metric === 'recall' ? 'of' : 'read as'} this class, or ${notFinite}`;
  }
}

function parametersText(plan: Plan): string {
  const names = plan.shards.flatMap((s) => s.parameters.map((p) => p.name));
  const links = new Set(
    names.filter((name) => name.includes('->')).map((name) => name.slice(0, name.lastIndexOf('.'))),
  );
  const count = plan.shards.reduce((sum, s) => sum + s.parameterCount, 0);
  return `${formatCount(count)} parameters in ${links.size} ${links.size === 1 ? 'link' : 'links'}`;
}

/** Each set once, and where they come from. */
function dataText({ train, validation, checks }: TrainingData): string {
  const sets = [train, ...(validation ? [validation] : []), ...checks];
  const counts = new Set(sets.map((set) => `${set.name} ${formatCount(set.length)}`));
  return [...counts, ...new Set(sets.map((set) => set.origin))].join(' · ');
}

/** Of sets in sequences, which end with samples that fill none. */
function restText({ train, validation, checks }: TrainingData): string {
  const sets = [train, ...(validation ? [validation] : []), ...checks];
  const texts = sets.flatMap(({ name, rest }) =>
    rest === undefined
      ? []
      : [`\n       ${name} leaves out the last ${formatCount(rest)} samples, which fill no sequence`],
  );
  return [...new Set(texts)].join('');
}

function leftOutText({ train }: TrainingData, training: PlanTraining): string {
  const samples = leftOutOf({ ...training, train });
  if (samples === 0) return '';
  const [left, all, batch] = [samples, train.length, training.batch].map(formatCount);
  return `\n       each epoch leaves out ${left} of ${all} samples, others each time: they do not fill a batch of ${batch}`;
}
