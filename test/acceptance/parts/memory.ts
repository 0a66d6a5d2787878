/** Memory, sequences and senses: what the examples promise on all their data, and how recall fares with length. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeFolder } from '../../support/remove-folder.ts';
import { lineChart } from '../line-chart.ts';
import { jsonLines, runCommand } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

/** Pixels that differ by less than this, in squares of 255ths, look the same: 0.001 of 255 squared. */
const ALIKE = 65;
const LENGTHS = [2, 4, 8, 16, 32];

export const memoryParts: readonly Part[] = [
  { name: 'memory', what: 'covariance memory in three forms, on three sets', takes: '6 minutes', run: memories },
  { name: 'sequence', what: 'recall of sequences by their length', takes: '5 minutes', run: lengths },
  { name: 'senses', what: 'accuracy from every subset of the senses', takes: '1 minute', run: senses },
];

interface Check {
  readonly check: string;
  readonly value: number;
  readonly pass: boolean;
}

/** Trains a file's task in the scratch folder. @returns its checks, by the data of the trained task alone */
async function trained(context: Context, args: readonly string[], run: string): Promise<readonly Check[]> {
  removeFolder(run);
  const nmc = join(context.root, 'dist/nmc.cjs');
  const data = context.data === undefined ? [] : ['--data', context.data];
  const end = await runCommand(process.execPath, [nmc, 'train', ...args, ...data, '--out', run, '--json'], {
    cwd: context.root,
    onLine: context.progress,
  });
  const done = jsonLines(end.lines).find((event) => event.event === 'done');
  if (!Array.isArray(done?.checks)) throw new Error(`nmc train ${args.join(' ')} failed:\n${end.tail}`);
  return done.checks as readonly Check[];
}

function scratch(context: Context): string {
  const folder = join(context.root, '.cache', 'acceptance', 'memory');
  mkdirSync(folder, { recursive: true });
  return folder;
}

async function memories(context: Context): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const task of ['implicit', 'dendritic', 'explicit', 'mnist', 'cifar10']) {
    const what = `memory.pcn ${task}: 100 pictures from their upper halves`;
    const target = `<= ${ALIKE} a pixel`;
    if ((task === 'mnist' || task === 'cifar10') && context.data === undefined) {
      rows.push(notRun(`memory-${task}`, what, target, 'its data lie outside (--data DIR)'));
      continue;
    }
    const run = join(scratch(context), task);
    const [check] = await trained(context, ['dsl-examples/memory.pcn', task], run);
    const png = join(scratch(context), `${task}.png`);
    const nmc = join(context.root, 'dist/nmc.cjs');
    await runCommand(process.execPath, [nmc, 'predict', run, '--png', png], { cwd: context.root });
    const error = check?.value ?? Number.NaN;
    rows.push({
      name: `memory-${task}`,
      what,
      target,
      measured: `${error.toPrecision(4)}, ${png}`,
      holds: error <= ALIKE,
    });
  }
  return rows;
}

/** The example again with sequences of other lengths, 64 pictures in all. Draws `dsl-examples/sequence.svg`. */
async function lengths(context: Context): Promise<readonly Row[]> {
  const text = readFileSync(join(context.root, 'dsl-examples/sequence.pcn'), 'utf8');
  const rows: Row[] = [];
  const lines = [];
  for (const [task, label] of [['two', 'two layers']] as const) {
    const points = [];
    for (const length of LENGTHS) {
      const file = join(scratch(context), `sequence-${length}.pcn`);
      const batch = String(64 / length);
      writeFileSync(
        file,
        text
          .replaceAll('sequences(16)', `sequences(${length})`)
          .replaceAll('sequence = 16', `sequence = ${length}`)
          .replaceAll(/batch( +)= 4/g, `batch$1= ${batch}`),
      );
      // As many weight steps whatever the length: they come one for each step of a sequence.
      const epochs = String(Math.round((40 * 16) / length));
      const [check] = await trained(context, [file, task, '--epochs', epochs], join(scratch(context), 'sequence'));
      points.push({ x: length, y: check?.value ?? Number.NaN });
    }
    lines.push({ label, points });
    const at16 = points.find((p) => p.x === 16)?.y ?? Number.NaN;
    rows.push({
      name: `sequence-${task}`,
      what: `${label}: recall error of 64 pictures in sequences of ${LENGTHS.join(', ')}`,
      target: `<= ${ALIKE} a pixel at 16`,
      measured: points.map((p) => p.y.toPrecision(3)).join(', '),
      holds: at16 <= ALIKE,
    });
  }
  const svg = lineChart(lines, { x: 'steps of a sequence', y: 'recall error of a pixel (of 255 squared)' });
  writeFileSync(join(context.root, 'dsl-examples/sequence.svg'), svg);
  return rows;
}

async function senses(context: Context): Promise<readonly Row[]> {
  const checks = await trained(context, ['dsl-examples/small_brain.pcn'], join(scratch(context), 'senses'));
  return checks.map(({ check, value, pass }) => ({
    name: `senses-${/\((\w+)\./.exec(check)?.[1] ?? ''}`,
    what: 'small_brain.pcn: accuracy from these senses',
    target: `>= ${/>= (.*)$/.exec(check)?.[1] ?? ''}`,
    measured: `${(100 * value).toFixed(1)} %`,
    holds: pass,
  }));
}
