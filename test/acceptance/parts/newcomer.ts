/** A newcomer: a fresh clone, every block of the README and of the pages pasted as printed, and nothing left behind. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFolder } from '../../support/remove-folder.ts';
import { type Block, blocksOf, scriptOf } from '../newcomer-blocks.ts';
import { plainEnvironment, runCommand } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

const WHAT = 'fresh clone: every block of README.md and docs/ pasted as printed, then git status and npm run check';
const TARGET = 'every line works, nothing changed, exit 0';

export const newcomerPart: Part = {
  name: 'newcomer',
  what: WHAT,
  takes: '25 minutes',
  run: async (context) => [await paste(context)],
};

async function paste(context: Context): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'nmc-newcomer-'));
  try {
    const found = await follow(context, folder);
    if (context.trial)
      return notRun(
        'newcomer',
        WHAT,
        TARGET,
        `a trial with the packages that are here, of types alone: ${found.measured}`,
      );
    return { name: 'newcomer', what: WHAT, target: TARGET, ...found };
  } finally {
    removeFolder(folder);
  }
}

async function follow(context: Context, folder: string): Promise<Pick<Row, 'measured' | 'holds'>> {
  const clone = join(folder, 'neuromesh');
  const home = join(folder, 'home');
  mkdirSync(home);
  // A user of their own, whose packages are here already.
  const cache = process.env.npm_config_cache ?? join(process.env.HOME ?? '', '.npm');
  const env = plainEnvironment({ HOME: home, npm_config_cache: cache });
  let lines = 0;
  for (const block of blocksOf(context.root)) {
    if (block.what === 'file') {
      writeFileSync(join(clone, block.name), block.text);
      continue;
    }
    const { cwd, pasted } = forHere(block, context, folder, clone);
    context.progress(`${block.page}: ${pasted.length} lines`);
    const end = await runCommand('bash', ['-c', scriptOf(pasted)], { cwd, env, onLine: context.progress });
    if (end.code !== 0) {
      context.progress(end.tail);
      const which = end.lines.find((line) => line.startsWith('@@')) ?? `exit ${end.code}`;
      return { measured: `${block.page} ${which}`, holds: false };
    }
    lines += pasted.length;
  }
  const status = await runCommand('git', ['status', '--porcelain'], { cwd: clone });
  const log = join(context.root, '.cache', 'acceptance', 'newcomer-check.txt');
  const script = `exec npm run ${context.trial ? 'types' : 'check'} > "$1" 2>&1`;
  const check = await runCommand('bash', ['-c', script, 'check', log], { cwd: clone, env });
  if (check.code !== 0) context.progress(`npm run check failed: see ${log}`);
  const changed = status.lines.length === 0 ? 'nothing changed' : `changed: ${status.lines.join(', ')}`;
  return {
    measured: `${lines} lines, ${changed}, npm run check exit ${check.code}`,
    holds: status.code === 0 && status.lines.length === 0 && check.code === 0,
  };
}

/** The first block makes the clone; the check of everything comes last. In a trial the packages are those that are here. */
function forHere(
  { lines }: Block & { readonly what: 'commands' },
  { root, trial }: Context,
  folder: string,
  clone: string,
): { cwd: string; pasted: string[] } {
  const install = `cp -al ${join(root, 'node_modules')} . && node .config/build.mjs`;
  const kept = lines.filter((line) => !line.startsWith('npm run check'));
  const pasted = kept.map((line) => line.replace('git clone ADDRESS', `git clone --quiet ${root}`));
  const cwd = pasted.some((line) => line.startsWith('git clone')) ? folder : clone;
  return { cwd, pasted: trial ? pasted.map((line) => line.replace('npm ci', install)) : pasted };
}
