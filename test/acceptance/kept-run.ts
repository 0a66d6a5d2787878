/**
 * A training that is measured: its run is kept in `.cache/acceptance/runs` and goes on from there. A finished one is
 * read, an interrupted one resumed, one of another program begun again.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeFolder } from '../support/remove-folder.ts';
import { type Ended, jsonLines, plainEnvironment, runCommand } from './process.ts';
import type { Context } from './row.ts';

export interface KeptRun {
  /** Of its folder, unlike that of any other. */
  readonly name: string;
  /** For people. */
  readonly label: string;
  readonly model: string;
  readonly task: string;
  readonly seed: number;
  /** One where nothing is said. */
  readonly shards?: number;
  /** What a compilation takes too: `--set`, `--epochs`. */
  readonly settings?: readonly string[];
  /** Of the training alone: `--borders`. */
  readonly options?: readonly string[];
  /** Of a trial alone; the first of them as in `settings`. */
  readonly trial: { readonly settings: readonly string[]; readonly limits: readonly string[] };
}

/** The `done` event of the training. @throws Error when the command fails */
export async function trainKept(run: KeptRun, data: string, context: Context): Promise<Record<string, unknown>> {
  const { label, model, task, seed, shards = 1, settings = [], options = [], trial } = run;
  const own = [...settings, ...(context.trial ? trial.settings : [])];
  const folder = runFolder(run, context);
  const goOn = !context.fresh && (await isOfThisProgram(folder, run, own, context.root));
  if (!goOn) removeFolder(folder);
  mkdirSync(join(folder, '..'), { recursive: true });
  const limits = [...options, ...(context.trial ? trial.limits : [])];
  const cut = shards > 1 ? ['--shards', String(shards)] : [];
  const args = goOn
    ? ['train', '--resume', folder, '--data', data, '--json']
    : [
        'train',
        model,
        task,
        '--data',
        data,
        '--seed',
        String(seed),
        '--out',
        folder,
        '--json',
        ...cut,
        ...own,
        ...limits,
      ];
  const end = await nmc(context.root, args, (line) => {
    for (const event of jsonLines([line]))
      if (event.event === 'epoch') context.progress(`${label}: epoch ${event.epoch}, ${measuredIn(event)}`);
  });
  const done = jsonLines(end.lines).find((event) => event.event === 'done');
  if (done === undefined) throw new Error(`${label} ended with ${end.code}:\n${end.tail}`);
  context.progress(`${label}: ${goOn ? 'kept or resumed' : `${end.seconds.toFixed(0)} s`}`);
  return done;
}

/** Where it is kept. */
export function runFolder({ name }: Pick<KeptRun, 'name'>, { root, trial }: Pick<Context, 'root' | 'trial'>): string {
  return join(root, '.cache', 'acceptance', trial ? 'trial' : 'runs', name);
}

/** Of an epoch: its accuracy, else its validation, else its energy. */
function measuredIn({ accuracy, validation, energy }: Record<string, unknown>): string {
  const value = [accuracy, validation, energy].find((each) => typeof each === 'number');
  return Number(value).toFixed(4);
}

/** Accuracy on the data of the model's first check, at the last epoch. @throws Error when the command fails */
export async function accuracyOf(run: KeptRun, data: string, context: Context): Promise<number> {
  const { accuracy } = await trainKept(run, data, context);
  if (typeof accuracy !== 'number') throw new Error(`${run.label} reported no accuracy`);
  return accuracy;
}

/** Whether a run folder holds the plan that the compiler makes today. */
export async function isOfThisProgram(
  folder: string,
  { model, task, shards = 1 }: KeptRun,
  settings: readonly string[],
  root: string,
): Promise<boolean> {
  const kept = join(folder, 'plan', 'plan.json');
  if (!existsSync(kept)) return false;
  const plan = join(root, '.cache', 'acceptance', 'plan');
  const cut = shards > 1 ? ['--partition', String(shards)] : [];
  const end = await nmc(root, ['compile', model, task, '-o', plan, '--json', ...cut, ...settings]);
  if (end.code !== 0) return false;
  const [before, now] = [kept, join(plan, 'plan.json')].map((path) => programOf(readFileSync(path, 'utf8')));
  return before === now;
}

/**
 * What a plan says of a program, whatever device it was made for: a run in one piece on the CPU keeps no kernels. Nor does
 * the text count that it was made from: of another one, with other comments and tasks, the same files may come; nor how
 * fast it is to go, on machines as they were known then.
 *
 * @param plan text of `plan.json`
 */
export function programOf(plan: string): string {
  const { files, shards, source: _text, predicted: _rate, ...rest } = JSON.parse(plan) as PlanText;
  const kept = files.filter(({ path }) => !/(^|\/)kernels\//.test(path));
  return JSON.stringify({ ...rest, files: kept, shards: shards.map(({ kernels: _, ...shard }) => shard) });
}

/** Only what is read here. */
interface PlanText {
  readonly files: readonly { readonly path: string }[];
  readonly shards: readonly { readonly kernels?: unknown }[];
  readonly source: unknown;
  readonly predicted?: unknown;
}

function nmc(root: string, args: readonly string[], onLine: (line: string) => void = () => undefined): Promise<Ended> {
  const main = join(root, 'dist', 'nmc.cjs');
  return runCommand(process.execPath, [main, ...args], { cwd: root, env: plainEnvironment(), onLine });
}
