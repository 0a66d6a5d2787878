/** `npm run bench`: its own targets, and that it ends in time. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonLines, runCommand } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

const MAX_SECONDS = 600;

export const benchPart: Part = {
  name: 'bench',
  what: 'npm run bench: speed, against targets and ceilings',
  takes: 'under 10 minutes',
  run: measure,
};

async function measure(context: Context): Promise<readonly Row[]> {
  const scripts: unknown = JSON.parse(readFileSync(join(context.root, 'package.json'), 'utf8')).scripts;
  if (typeof scripts !== 'object' || scripts === null || !('bench' in scripts))
    return [notRun('bench', benchPart.what, 'exit 0', 'package.json has no script `bench`')];
  if (context.trial) return [notRun('bench', benchPart.what, 'exit 0', 'a trial')];
  const env = { ...process.env, ...(context.data === undefined ? {} : { NMC_DATA: context.data }) };
  const end = await runCommand('npm', ['run', '--silent', 'bench'], {
    cwd: context.root,
    env,
    onLine: context.progress,
  });
  const lines = jsonLines(end.lines);
  const rows = lines.flatMap(rowOf);
  context.table({
    name: 'bench',
    head: ['figure', 'measured', 'ceiling', 'target', ''],
    rows: lines.flatMap(cellsOf),
  });
  const whole: Row = {
    name: 'bench',
    what: 'npm run bench: all of it',
    target: `exit 0 in < ${MAX_SECONDS} s`,
    measured: `exit ${end.code} in ${end.seconds.toFixed(0)} s, ${rows.length} targets`,
    holds: end.code === 0 && end.seconds < MAX_SECONDS && rows.length > 0,
  };
  return [...rows, whole];
}

/** Of every figure, with a target or without. */
function cellsOf({ name, value, unit, ceiling, target, holds }: Record<string, unknown>): string[][] {
  if (typeof name !== 'string' || typeof value !== 'number') return [];
  const of = (number: unknown): string => (typeof number === 'number' ? `${number} ${unit}` : '');
  return [[name, of(value), of(ceiling), of(target), typeof target !== 'number' ? '' : holds ? 'holds' : 'MISSES']];
}

/** A line with a target; the others are measurements for the record. */
function rowOf(line: Record<string, unknown>): Row[] {
  const { name, value, unit, target, holds } = line;
  if (typeof holds !== 'boolean' || typeof name !== 'string' || target === null) return [];
  const shown = typeof value === 'number' ? Number(value.toPrecision(4)) : value;
  return [
    {
      name: `bench ${name}`,
      what: name,
      target: `${target} ${unit ?? ''}`.trim(),
      measured: `${shown} ${unit ?? ''}`.trim(),
      holds,
    },
  ];
}
