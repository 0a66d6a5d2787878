/** The README's two commands in a clone that has nothing but what is committed. */
import { mkdtempSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFolder } from '../../support/remove-folder.ts';
import { type Ended, jsonLines, plainEnvironment, runCommand } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

export const freshCloneParts: readonly Part[] = [
  {
    name: 'fresh-train',
    what: 'fresh clone: npm ci && npx nmc train dsl-examples/digits.pcn',
    takes: '2 minutes',
    run: (c) => inClone(c, (run, _context, _clone, install) => train(run, install, c)),
  },
  {
    name: 'fresh-check',
    what: 'fresh clone: npm ci && npm run check',
    takes: '10 minutes',
    run: (c) => inClone(c, (run) => check(run, c)),
  },
];

export type Command = (args: readonly string[]) => Promise<Ended>;

/** Installs in a clone and measures there; the clone is removed in any case. */
export async function inClone(
  context: Context,
  measure: (run: Command, context: Context, clone: string, install: Ended) => Promise<Row>,
): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'nmc-clone-'));
  const clone = join(folder, 'neuromesh');
  try {
    const changed = await runCommand('git', ['status', '--porcelain'], { cwd: context.root });
    if (changed.lines.length > 0)
      context.progress(`${changed.lines.length} changes are not committed, so not in the clone`);
    const cloned = await runCommand('git', ['clone', '--quiet', context.root, clone]);
    if (cloned.code !== 0) throw new Error(`git clone failed:\n${cloned.tail}`);
    const run: Command = ([command = '', ...args]) =>
      runCommand(command, args, { cwd: clone, env: plainEnvironment(), onLine: (line) => context.progress(line) });
    const install = await run(['npm', 'ci']);
    if (install.code !== 0) throw new Error(`npm ci failed:\n${install.tail}`);
    return [await measure(run, context, clone, install)];
  } finally {
    removeFolder(folder);
  }
}

async function train(run: Command, install: Ended, context: Context): Promise<Row> {
  const what = 'fresh clone: npm ci, then train digits.pcn';
  const target = '>= 97 % in < 60 s of training';
  const tiny = context.trial ? ['--epochs', '1', '--limit', '640'] : [];
  const end = await run(['npx', 'nmc', 'train', 'dsl-examples/digits.pcn', '--json', ...tiny]);
  const done = jsonLines(end.lines).find((event) => event.event === 'done');
  const accuracy = typeof done?.accuracy === 'number' ? done.accuracy : 0;
  const cores = availableParallelism();
  const measured = `${(100 * accuracy).toFixed(2)} % in ${end.seconds.toFixed(1)} s, exit ${end.code}, ${cores} cores (npm ci ${install.seconds.toFixed(1)} s)`;
  if (context.trial) return notRun('fresh-train', what, target, `a trial with tiny settings gave ${measured}`);
  return { name: 'fresh-train', what, target, measured, holds: end.code === 0 && accuracy >= 0.97 && end.seconds < 60 };
}

async function check(run: Command, context: Context): Promise<Row> {
  const what = 'fresh clone: npm ci && npm run check';
  const end = await run(['npm', 'run', context.trial ? 'types' : 'check']);
  const measured = `exit ${end.code} in ${end.seconds.toFixed(0)} s`;
  if (context.trial) return notRun('fresh-check', what, 'exit 0', `a trial of the types alone: ${measured}`);
  if (end.code !== 0) context.progress(end.tail);
  return { name: 'fresh-check', what, target: 'exit 0', measured, holds: end.code === 0 };
}
