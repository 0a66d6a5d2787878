/** Bytes across the border of two shards, as the plan counts them, beside the gradients that two workers would exchange. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFolder } from '../../support/remove-folder.ts';
import { jsonLines, runCommand } from '../process.ts';
import type { Context, Part, Row } from '../row.ts';

const MODEL = 'dsl-examples/digits.pcn';
const WIDTHS = [128, 512, 1024, 4096];
const BATCH = 64;
/** A ring of two workers sends each f32 gradient once and receives it once. */
const SYNC_BYTES = 8;

export const bordersPart: Part = {
  name: 'borders',
  what: 'bytes between two shards of digits.pcn by width, beside those of data-parallel training',
  takes: 'under a minute',
  run: measure,
};

interface Totals {
  readonly parameters: number;
  readonly borderBytes: number;
  readonly borderBytesPerBatch: number;
}

async function measure(context: Context): Promise<readonly Row[]> {
  const found: { readonly width: number; readonly totals: Totals }[] = [];
  for (const width of WIDTHS) found.push({ width, totals: await totalsOf(context, width) });
  context.table({
    name: 'borders',
    head: ['hidden width W', 'border, a tick', 'border, a batch', 'border, a sample', 'weight sync, a batch'],
    rows: found.map(({ width, totals }) => [
      String(width),
      sizeOf(totals.borderBytes),
      sizeOf(totals.borderBytesPerBatch),
      sizeOf(totals.borderBytesPerBatch / BATCH),
      sizeOf(totals.parameters * SYNC_BYTES),
    ]),
  });
  return found.map(({ width, totals }) => ({
    name: 'borders',
    what: `${MODEL}, hidden = ${width}, in two shards: bytes of a batch`,
    target: `< ${totals.parameters * SYNC_BYTES}, those of its gradients`,
    measured: String(totals.borderBytesPerBatch),
    holds: totals.borderBytesPerBatch < totals.parameters * SYNC_BYTES,
  }));
}

async function totalsOf(context: Context, width: number): Promise<Totals> {
  const folder = mkdtempSync(join(tmpdir(), 'nmc-borders-'));
  const nmc = (...args: string[]) =>
    runCommand(process.execPath, [join(context.root, 'dist/nmc.cjs'), ...args], { cwd: context.root });
  try {
    const plan = join(folder, 'plan');
    await nmc('compile', MODEL, '--set', `hidden=${width}`, '--partition', '2', '-o', plan);
    const end = await nmc('show', plan, '--json');
    const totals = jsonLines(end.lines)[0]?.totals as Totals | undefined;
    if (totals === undefined) throw new Error(`nmc show: ${end.tail}`);
    return totals;
  } finally {
    removeFolder(folder);
  }
}

function sizeOf(bytes: number): string {
  const kibibytes = bytes / 1024;
  const [value, unit] = kibibytes < 300 ? [kibibytes, 'KiB'] : [kibibytes / 1024, 'MiB'];
  return `${value < 10 ? value.toPrecision(2) : value.toFixed(0)} ${unit}`;
}
