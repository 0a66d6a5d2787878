/** `nmc compile --partition K`: K shards that are even, a plan that is read back, the same bytes on two runs. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFolder } from '../../support/remove-folder.ts';
import { jsonLines, runCommand } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

/** The part of `plan.json` that is read here. */
interface Plan {
  readonly shards: readonly {
    readonly nodes: readonly string[];
    readonly tiles?: readonly { readonly from: number; readonly to: number }[];
    readonly flopsPerTick?: number;
    readonly flopsPerBatch: number;
  }[];
}

const MODELS = ['cortex', 'mnist', 'memory'] as const;
const COUNTS = [1, 2, 3, 7, 64, 256] as const;
const MAX_UNEVEN = 1.05;

export const shardsPart: Part = {
  name: 'shards',
  what: 'nmc compile --partition K of cortex, mnist and memory: K even shards, the same bytes twice',
  takes: '15 minutes',
  run: measure,
};

const target = `K shards, heaviest <= ${MAX_UNEVEN} of max(mean, largest atom), read back, equal bytes`;
const whatOf = (model: string, shards: number): string => `${model}.pcn into ${shards}`;

async function measure(context: Context): Promise<readonly Row[]> {
  const cases = MODELS.flatMap((model) => COUNTS.map((shards) => ({ model, shards })));
  if (context.trial) return cases.map((c) => notRun('shards', whatOf(c.model, c.shards), target, 'a trial'));
  const folder = mkdtempSync(join(tmpdir(), 'nmc-shards-'));
  try {
    const rows: Row[] = [];
    for (const { model, shards } of cases) {
      const row = await compiled(context, model, shards, folder);
      context.progress(`${row.what}: ${row.measured}`);
      rows.push(row);
    }
    rows.push(await tooMany(context, folder));
    return rows;
  } finally {
    removeFolder(folder);
  }
}

async function compiled(context: Context, model: string, shards: number, folder: string): Promise<Row> {
  const hashes: string[] = [];
  let seconds = 0;
  let plan: Plan | undefined;
  for (let run = 0; run < 2; run++) {
    const out = join(folder, 'plan');
    removeFolder(out);
    const args = ['compile', `dsl-examples/${model}.pcn`, '--partition', String(shards), '-o', out, '--json'];
    const end = await nmc(context, args);
    const hash = jsonLines(end.lines)[0]?.sha256;
    if (end.code !== 0 || typeof hash !== 'string') throw new Error(`${args.join(' ')}: ${end.tail}`);
    hashes.push(hash);
    seconds = end.seconds;
    plan = JSON.parse(readFileSync(join(out, 'plan.json'), 'utf8')) as Plan;
  }
  const shown = await nmc(context, ['show', join(folder, 'plan'), '--json']);
  const uneven = plan ? unevenness(plan) : Number.NaN;
  const count = plan?.shards.length ?? 0;
  const equal = hashes[0] === hashes[1];
  const read = shown.code === 0 ? 'read back' : 'NOT READ BACK';
  return {
    name: 'shards',
    what: whatOf(model, shards),
    target,
    measured: `${count} shards, ${uneven.toFixed(3)}, ${read}, ${equal ? 'equal bytes' : 'OTHER BYTES'}, ${seconds.toFixed(0)} s`,
    holds: count === shards && uneven <= MAX_UNEVEN && shown.code === 0 && equal,
  };
}

/** The heaviest shard against the mean, or against a shard that holds one piece, which cannot be cut further. */
function unevenness({ shards }: Plan): number {
  const work = shards.map((s) => s.flopsPerTick ?? s.flopsPerBatch);
  const mean = work.reduce((sum, w) => sum + w, 0) / work.length;
  const heaviest = work.indexOf(Math.max(...work));
  const single = shards[heaviest]?.nodes.length === 1 && isAtom(shards[heaviest]);
  return single ? 1 : (work[heaviest] ?? 0) / mean;
}

/** One node that is not cut at all, or a tile of one unit. */
function isAtom({ nodes, tiles = [] }: Plan['shards'][number]): boolean {
  const [tile] = tiles;
  return tile ? tile.to - tile.from === 1 : !nodes.some((name) => /\/\d+$/.test(name));
}

async function tooMany(context: Context, folder: string): Promise<Row> {
  const args = ['compile', 'dsl-examples/mnist.pcn', '--partition', '100000', '-o', join(folder, 'many')];
  const end = await nmc(context, args);
  const said = /can be cut into (\d+) parts at most/.exec(end.tail)?.[1];
  return {
    name: 'shards',
    what: 'mnist.pcn into 100,000',
    target: 'refused with the maximum',
    measured: said === undefined ? `exit ${end.code}` : `refused, ${said} at most`,
    holds: end.code === 2 && said !== undefined,
  };
}

function nmc(context: Context, args: readonly string[]): ReturnType<typeof runCommand> {
  return runCommand(process.execPath, [join(context.root, 'dist/nmc.cjs'), ...args], { cwd: context.root });
}
