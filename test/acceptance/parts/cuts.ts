/** `nmc partition` on known graphs, against the cuts of others: `--graphs DIR`, which holds `cuts.json`. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { removeFolder } from '../../support/remove-folder.ts';
import { jsonLines, runCommand } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

const MAX_SECONDS = 60;
const MAX_IMBALANCE = 0.05;
/** Parts, the column of `cuts.json` and the most that the geometric mean of the ratios may be. */
const COMPARISONS = [
  { parts: 2, against: 'bestKnownCut2', name: 'the best known bisection', most: 1.1 },
  { parts: 8, against: 'metisKway8', name: 'METIS k-way', most: 1.05 },
  { parts: 32, against: 'metisKway32', name: 'METIS k-way', most: 1.05 },
] as const;

export const cutsPart: Part = {
  name: 'cuts',
  what: 'nmc partition on known graphs, against METIS and the best known',
  takes: '20 minutes',
  run: measure,
};

type Cuts = Readonly<Record<string, Readonly<Record<string, number>>>>;

interface Found {
  readonly graph: string;
  readonly ratio: number;
  readonly imbalance: number;
  readonly seconds: number;
}

async function measure(context: Context): Promise<readonly Row[]> {
  const { graphs } = context;
  if (graphs === undefined)
    return COMPARISONS.map((c) => notRun('cuts', whatOf(c), targetOf(c), 'no graphs, name their folder with --graphs'));
  if (context.trial) return COMPARISONS.map((c) => notRun('cuts', whatOf(c), targetOf(c), 'a trial'));
  const cuts = (JSON.parse(readFileSync(join(graphs, 'cuts.json'), 'utf8')) as { graphs: Cuts }).graphs;
  const folder = mkdtempSync(join(tmpdir(), 'nmc-cuts-'));
  try {
    const rows: Row[] = [];
    for (const comparison of COMPARISONS) {
      const found: Found[] = [];
      for (const graph of Object.keys(cuts)) {
        const reference = cuts[graph]?.[comparison.against];
        if (reference === undefined) continue;
        const path = unpacked(graphs, graph, folder);
        const one = await partitioned(context, path, comparison.parts, reference, graph);
        context.progress(`${graph} into ${comparison.parts}: ${one.ratio.toFixed(3)} in ${one.seconds.toFixed(1)} s`);
        found.push(one);
      }
      rows.push(rowOf(comparison, found));
    }
    return rows;
  } finally {
    removeFolder(folder);
  }
}

type Comparison = (typeof COMPARISONS)[number];
const whatOf = ({ parts, name }: Comparison): string => `edge cut of ${parts} parts against ${name}`;
const targetOf = ({ most }: Comparison): string => `<= ${most} in the mean, <= 5 % uneven, <= ${MAX_SECONDS} s each`;

function rowOf(comparison: Comparison, found: readonly Found[]): Row {
  const mean = Math.exp(found.reduce((sum, { ratio }) => sum + Math.log(ratio), 0) / found.length);
  const uneven = Math.max(...found.map(({ imbalance }) => imbalance));
  const longest = Math.max(...found.map(({ seconds }) => seconds));
  const measured = `${mean.toFixed(3)}, ${(100 * uneven).toFixed(2)} % uneven at most, ${longest.toFixed(0)} s at most, ${found.length} graphs`;
  const holds = found.length > 0 && mean <= comparison.most && uneven <= MAX_IMBALANCE + 1e-9 && longest <= MAX_SECONDS;
  return { name: `cuts ${comparison.parts}`, what: whatOf(comparison), target: targetOf(comparison), measured, holds };
}

function unpacked(graphs: string, name: string, folder: string): string {
  if (readdirSync(graphs).includes(`${name}.graph`)) return join(graphs, `${name}.graph`);
  const path = join(folder, `${name}.graph`);
  writeFileSync(path, gunzipSync(readFileSync(join(graphs, `${name}.graph.gz`))));
  return path;
}

/** The cut and the balance are counted here, from the file that was written. */
async function partitioned(
  context: Context,
  path: string,
  parts: number,
  reference: number,
  graph: string,
): Promise<Found> {
  const out = join(tmpdir(), `nmc-cuts-${process.pid}.part`);
  const nmc = join(context.root, 'dist/nmc.cjs');
  const args = [nmc, 'partition', path, '--parts', String(parts), '-o', out, '--json'];
  const end = await runCommand(process.execPath, args, { cwd: context.root });
  if (end.code !== 0 || jsonLines(end.lines).length === 0) throw new Error(`nmc partition ${graph}: ${end.tail}`);
  const part = readFileSync(out, 'utf8').trim().split('\n').map(Number);
  rmSync(out);
  const [sizes = '', ...lines] = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => !line.startsWith('%'));
  if (part.length !== Number(sizes.trim().split(/\s+/)[0])) throw new Error(`${graph}: ${part.length} parts came back`);
  const weights = new Array<number>(parts).fill(0);
  let twice = 0;
  for (const [v, own] of part.entries()) {
    weights[own] = (weights[own] ?? Number.NaN) + 1;
    for (const u of (lines[v] ?? '').trim().split(/\s+/)) if (u !== '' && part[Number(u) - 1] !== own) twice++;
  }
  const imbalance = (Math.max(...weights) * parts) / part.length - 1;
  return { graph, ratio: twice / 2 / reference, imbalance, seconds: end.seconds };
}
