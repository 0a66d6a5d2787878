/** Random models on every device against the interpreter of the semantics, many more of them than the tests take. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleProgram } from '../../support/bundle-program.ts';
import { runCommand } from '../process.ts';
import type { Context, Part, Row } from '../row.ts';

const WANTED = { others: 20_000, webgpu: 1_000 };
/** Of one process, which grows as it goes. */
const EACH = { others: 500, webgpu: 50 };
/** Of a trial. */
const FEW = { others: 20, webgpu: 4 };
/** Between two reports. */
const SAID = 100;
type Kind = keyof typeof WANTED;

interface State {
  /** Models that were tried, from number 0 on. */
  readonly tried: Readonly<Record<Kind, number>>;
  /** Numbers of those that differed when they were tried last. */
  readonly differing: Readonly<Record<Kind, readonly number[]>>;
}

/** Line of `test/models/run.ts` about each model. */
interface Tried {
  readonly number: number;
  readonly found: readonly string[];
  readonly text?: string;
}

export const modelsPart: Part = {
  name: 'models',
  what: 'random models on every device are what spec/semantics.md says',
  takes: 'an hour and a half, kept as it goes',
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
  await bundleProgram(join(root, 'test/models/run.ts'), program);
  const save = (kind: Kind, tried: number, differing: readonly number[]): void => {
    state = { tried: { ...state.tried, [kind]: tried }, differing: { ...state.differing, [kind]: differing } };
    // Whoever interrupts finds a whole file.
    writeFileSync(`${kept}.new`, JSON.stringify(state));
    renameSync(`${kept}.new`, kept);
  };
  const say = ({ number, found, text }: Tried): void => {
    if (found.length > 0)
      progress(`model ${number} differs: ${found.slice(0, 3).join('; ').slice(0, 500)}\n${text ?? ''}`);
  };
  for (const kind of ['webgpu', 'others'] as const) {
    // What differed is tried again: it may have been mended since.
    for (const number of state.differing[kind])
      await tried(root, program, kind, number, number + 1, (model) => {
        say(model);
        const others = state.differing[kind].filter((n) => n !== number);
        save(kind, state.tried[kind], model.found.length > 0 ? [...others, number] : others);
      });
    const until = trial ? state.tried[kind] + FEW[kind] : WANTED[kind];
    const [began, first] = [performance.now(), state.tried[kind]];
    while (state.tried[kind] < until)
      await tried(root, program, kind, state.tried[kind], Math.min(until, state.tried[kind] + EACH[kind]), (model) => {
        say(model);
        const differing = state.differing[kind];
        save(kind, model.number + 1, model.found.length > 0 ? [...differing, model.number] : differing);
        if (state.tried[kind] % SAID === 0) progress(pace(kind, state, first, until, performance.now() - began));
      });
  }
  const wrong = [...state.differing.others, ...state.differing.webgpu];
  const row: Row = {
    name: 'models',
    what: modelsPart.what,
    target: `${WANTED.others} models without a difference, and ${WANTED.webgpu} on webgpu`,
    measured: `${state.tried.others} and ${state.tried.webgpu}, ${wrong.length} differ${wrong.length > 0 ? `: ${wrong.slice(0, 8).join(', ')}` : ''}`,
  };
  const complete = state.tried.others >= WANTED.others && state.tried.webgpu >= WANTED.webgpu;
  return [trial && wrong.length === 0 ? row : { ...row, holds: wrong.length === 0 && complete }];
}

function pace(kind: Kind, { tried, differing: wrong }: State, first: number, until: number, ms: number): string {
  const perSecond = (1000 * (tried[kind] - first)) / Math.max(1, ms);
  const minutes = Math.ceil((until - tried[kind]) / perSecond / 60);
  const where = kind === 'webgpu' ? ' on webgpu' : '';
  return `${tried[kind]} of ${until} models${where}, ${wrong[kind].length} differ; ${perSecond.toFixed(1)}/s, ${minutes} min left`;
}

/**
 * Tries the models with these numbers in a process of their own.
 *
 * @param each told of every model, in their order
 */
async function tried(
  root: string,
  program: string,
  kind: Kind,
  from: number,
  to: number,
  each: (model: Tried) => void,
): Promise<void> {
  // Most of what a model leaves behind dies young.
  const options = ['--max-semi-space-size=32', program, `${from}`, `${to}`, ...(kind === 'webgpu' ? ['--webgpu'] : [])];
  const onLine = (line: string): void => each(JSON.parse(line) as Tried);
  const { code, tail } = await runCommand(process.execPath, options, { cwd: root, onLine });
  if (code !== 0) throw new Error(`models ${from} to ${to} ended with ${code}: ${tail.slice(-2000)}`);
}
