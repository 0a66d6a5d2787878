/** The README's tour of a mesh, as it is printed there, in a clone that has nothing but what is committed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonLines } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';
import { type Command, inClone } from './fresh-clone.ts';

export const freshMeshPart: Part = {
  name: 'fresh-mesh',
  what: "fresh clone: npm ci, then the README's tour of a mesh (ports 7420 and 8080)",
  takes: '5 minutes',
  run: (c) => inClone(c, tour),
};

async function tour(run: Command, context: Context, clone: string): Promise<Row> {
  const what = 'fresh clone: up, deploy, status, serve and a prediction by curl, as the README has them';
  const target = 'every line works';
  const lines = tourOf(readFileSync(join(clone, 'README.md'), 'utf8'));
  const script = scriptOf(
    context.trial ? lines.map((l) => l.replace('--watch', '--watch --epochs 1 --limit 640')) : lines,
  );
  const end = await run(['bash', '-c', script]);
  const digit = jsonLines(end.lines).find((answer) => 'digit' in answer)?.digit;
  const measured = `${lines.length} lines, exit ${end.code} in ${end.seconds.toFixed(0)} s, predicted digit ${String(digit)}`;
  if (context.trial) return notRun('fresh-mesh', what, target, `a trial with one short epoch: ${measured}`);
  if (end.code !== 0) context.progress(end.tail);
  return { name: 'fresh-mesh', what, target, measured, holds: end.code === 0 && typeof digit === 'number' };
}

/** The first block of commands under `## A mesh`. */
function tourOf(readme: string): string[] {
  const block = /^## A mesh\n[\s\S]*?^```sh\n([\s\S]*?)^```/m.exec(readme)?.[1] ?? '';
  const lines = block.split('\n').filter((line) => line !== '');
  if (!lines.some((line) => line.includes('nmc up')) || !lines.some((line) => line.startsWith('curl')))
    throw new Error('README.md has no tour of a mesh');
  return lines;
}

/** Waits between the lines until what was started says that it is there, as a person does. Ctrl-C at the end. */
function scriptOf(lines: readonly string[]): string {
  const until = (command: string): string =>
    `for i in $(seq 120); do ${command} > /dev/null 2>&1 && break; sleep 1; done`;
  return [
    'set -em',
    'export NMC_CONFIG="$PWD/.nmc-config"',
    "trap 'for job in $(jobs -p); do kill -INT -- -$job; done; wait' EXIT",
    ...lines.flatMap((line) => [
      line,
      ...(line.includes('nmc up') ? [until('npx --no nmc status')] : []),
      ...(line.includes('nmc serve') ? [until('curl --fail --silent 127.0.0.1:8080/healthz')] : []),
    ]),
    'echo',
  ].join('\n');
}
