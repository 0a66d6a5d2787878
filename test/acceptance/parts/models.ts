/** Random models on every device against the interpreter of the semantics, many more of them than the tests take. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Context, Part, Row } from '../row.ts';

const WANTED = { others: 20_000, webgpu: 1_000 };
/** Of one process: as many as are lost where the measurement is interrupted. */
const EACH = { others: 50, webgpu: 10 };
type Kind = keyof typeof WANTED;

interface State {
  /** Models that were tried, from number 0 on. */
  readonly tried: Readonly<Record<Kind, number>>;
  /** Numbers of those that differed when they were tried last. */
  readonly differing: Readonly<Record<Kind, readonly number[]>>;
}

/** What `test/models/run.ts` prints of one that differs, and at the end. */
type Line = { readonly number: number; readonly text: string; readonly found: readonly string[] } | { counts: object };

export const modelsPart: Part = {
  name: 'models',
  what: 'random models on every device are what spec/semantics.md says',
  takes: 'four hours, kept as it goes',
  run,
};

async function run({ root, fresh, trial, progress }: Context): Promise<readonly Row[]> {
  const folder = join(root, '.cache', 'acceptance');
  const kept = join(folder, 'models.json');
  mkdirSync(folder, { recursive: true });
  if (fresh) rmSync(kept, { force: true });
  let state: State = existsSync(kept)
    ? (JSON.parse(readFileSync(kept, 'utf8')) as State)
    : { tried: { others: 0, webgpu: 0 }, differing: { others: [], webgpu: [] } };
  const program = join(folder, 'models.mjs');
  await bundle(root, program);
  const save = (kind: Kind, tried: number, differing: readonly number[]): void => {
    state = { tried: { ...state.tried, [kind]: tried }, differing: { ...state.differing, [kind]: differing } };
    writeFileSync(kept, JSON.stringify(state));
  };
  for (const kind of ['webgpu', 'others'] as const) {
    const check = (from: number, to: number): number[] => differing(root, program, kind, from, to, progress);
    // What differed is tried again: it may have been mended since.
    const again = state.differing[kind].flatMap((number) => check(number, number + 1));
    save(kind, state.tried[kind], again);
    const until = trial ? state.tried[kind] + EACH[kind] : WANTED[kind];
    const [began, first] = [performance.now(), state.tried[kind]];
    while (state.tried[kind] < until) {
      const to = Math.min(until, state.tried[kind] + EACH[kind]);
      save(kind, to, [...state.differing[kind], ...check(state.tried[kind], to)]);
      progress(pace(kind, state, first, until, performance.now() - began));
    }
  }
  const { tried } = state;
  const wrong = [...state.differing.others, ...state.differing.webgpu];
  const row: Row = {
    name: 'models',
    what: modelsPart.what,
    target: `${WANTED.others} models without a difference, and ${WANTED.webgpu} on webgpu`,
    measured: `${tried.others} and ${tried.webgpu}, ${wrong.length} differ${wrong.length > 0 ? `: ${wrong.slice(0, 8).join(', ')}` : ''}`,
  };
  const complete = tried.others >= WANTED.others && tried.webgpu >= WANTED.webgpu;
  return [trial && wrong.length === 0 ? row : { ...row, holds: wrong.length === 0 && complete }];
}

function pace(kind: Kind, { tried, differing: wrong }: State, first: number, until: number, ms: number): string {
  const perSecond = (1000 * (tried[kind] - first)) / Math.max(1, ms);
  const minutes = Math.ceil((until - tried[kind]) / perSecond / 60);
  const where = kind === 'webgpu' ? ' on webgpu' : '';
  return `${tried[kind]} of ${until} models${where}, ${wrong[kind].length} differ; ${perSecond.toFixed(1)}/s, ${minutes} min left`;
}

/** Numbers of the models in a range that differ; how they do is said. */
function differing(
  root: string,
  program: string,
  kind: Kind,
  from: number,
  to: number,
  progress: Context['progress'],
): number[] {
  const options = kind === 'webgpu' ? ['--webgpu'] : [];
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [program, String(from), String(to), ...options],
    { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 },
  );
  if (signal !== null || status === 130) throw new Error(`interrupted; what was tried is kept`);
  if (status !== 0) throw new Error(`models ${from} to ${to}: ${stderr.slice(-2000)}`);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  return lines.flatMap((line) => {
    if ('counts' in line) return [];
    progress(`model ${line.number} differs: ${line.found.slice(0, 3).join('; ').slice(0, 500)}\n${line.text}`);
    return [line.number];
  });
}

async function bundle(root: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [join(root, 'test/models/run.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
}
