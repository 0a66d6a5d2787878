/**
 * Fan-out at equal numbers of samples: 1, 2, 4 and 8 replicas that share no weights, each fed its own part of every
 * batch. How good one alone is, their mean, and their votes weighted by energy; and the bytes that would go between
 * their machines, beside those of keeping the weights of as many data-parallel copies equal.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { removeFolder } from '../../support/remove-folder.ts';
import { jsonLines, plainEnvironment, runCommand } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

const REPLICAS = [1, 2, 4, 8] as const;
const BATCH = 128;
const FLOAT_BYTES = 4;
/** Of accuracy, between eight replicas and one. */
const ALLOWED = 0.005;

export const fanOutPart: Part = {
  name: 'fan-out',
  what: 'replicas that share nothing: accuracy, speed and bytes at equal numbers of samples',
  takes: '10 minutes, 20 with MNIST',
  run: async (context) => [
    ...(await study('glyphs', context)),
    ...(context.data === undefined
      ? [notRun('fan-out mnist', 'replicas that vote', WITHIN, 'its data lie outside (--data DIR)')]
      : await study('mnist', context)),
  ],
};

const WITHIN = 'R = 8 within 0.5 points of R = 1';

interface Measured {
  readonly vote: number;
  readonly weighed: number;
  readonly alone: number;
  readonly samplesPerSecond: number;
  readonly parameters: number;
}

async function study(data: 'glyphs' | 'mnist', context: Context): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'nmc-fan-out-'));
  try {
    const model = join(folder, 'fan_out.pcn');
    const text = readFileSync(join(context.root, 'dsl-examples', 'fan_out.pcn'), 'utf8');
    writeFileSync(model, text.replaceAll('data.glyphs', `data.${data}`));
    const rows: Row[] = [];
    let one: Measured | undefined;
    for (const replicas of REPLICAS) {
      const found = await train(model, replicas, join(folder, `run-${replicas}`), context);
      one ??= found;
      rows.push(rowOf(data, replicas, found, one, context.trial));
      context.progress(`${data} R = ${replicas}: ${rows.at(-1)?.measured}`);
    }
    return rows;
  } finally {
    removeFolder(folder);
  }
}

async function train(model: string, replicas: number, out: string, context: Context): Promise<Measured> {
  const args = [resolve('dist/nmc.cjs'), 'train', model, '--json', '--set', `replicas=${replicas}`];
  args.push('--out', out, ...(context.data === undefined ? [] : ['--data', context.data]));
  if (context.trial) args.push('--epochs', '1', '--limit', '1280');
  const end = await runCommand(process.execPath, args, { cwd: context.root, env: plainEnvironment() });
  const events = jsonLines(end.lines);
  const done = events.find((event) => event.event === 'done');
  if (!done || !Array.isArray(done.checks)) throw new Error(end.tail);
  const checks = done.checks as readonly { readonly check: string; readonly value: number }[];
  const accuracyOf = (task: string): number => checks.find((c) => c.check.includes(`${task}.`))?.value ?? 0;
  const start = events.find((event) => event.event === 'start');
  const speeds = events.flatMap((e) => (e.event === 'epoch' ? [Number(e.samplesPerSecond)] : []));
  return {
    vote: accuracyOf('vote'),
    weighed: accuracyOf('weighed'),
    alone: accuracyOf('alone'),
    samplesPerSecond: Math.max(0, ...speeds),
    parameters: Number(start?.parameters ?? 0) / replicas,
  };
}

function rowOf(data: string, replicas: number, found: Measured, one: Measured, trial: boolean): Row {
  // A ring of R machines sends (R - 1) times its weights and receives as many to make a mean of them.
  const synced = (2 * (replicas - 1) * found.parameters * FLOAT_BYTES) / BATCH;
  const percent = (x: number): string => (100 * x).toFixed(2);
  const measured = [
    `alone ${percent(found.alone)}, mean ${percent(found.vote)}, by energy ${percent(found.weighed)} %`,
    `${Math.round(found.samplesPerSecond)} samples/s`,
    `0 bytes a sample (weights each batch ${Math.round(synced)}, every 100 ${Math.round(synced / 100)})`,
  ].join('; ');
  const row = { name: `fan-out ${data}`, what: `R = ${replicas}, silent, votes`, measured };
  if (replicas < 8) return { ...row, target: '-' };
  const best = Math.max(found.vote, found.weighed);
  return { ...row, target: WITHIN, ...(trial ? {} : { holds: one.vote - best <= ALLOWED }) };
}
