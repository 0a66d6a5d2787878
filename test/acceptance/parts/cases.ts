/**
 * Inputs on which the product was wrong once, in a folder beside the repository: in each of its folders a script that
 * is run as printed, or a command that is written in `expected.txt`, which says in prose what comes out.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFolder } from '../../support/remove-folder.ts';
import { softwareVulkanEnvironment } from '../../support/software-vulkan.ts';
import { caseChecks } from '../cases/checks.ts';
import { type Ended, plainEnvironment, runCommand } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

const target = 'what expected.txt says';
const NAME = 'cases';

export const casesPart: Part = {
  name: NAME,
  what: 'inputs on which the product was wrong once come out as expected',
  takes: '3 minutes',
  run,
};

async function run(context: Context): Promise<readonly Row[]> {
  const { cases, root, trial, progress } = context;
  if (!existsSync(cases)) {
    return [notRun(NAME, casesPart.what, target, `there is no ${cases}; --cases names the folder`)];
  }
  const names = readdirSync(cases).filter((name) => existsSync(join(cases, name, 'expected.txt')));
  if (trial) return names.map((name) => notRun(NAME, name, target, 'a trial'));
  const rows: Row[] = [];
  for (const name of names) {
    const row = await ranCase(root, join(cases, name), name);
    progress(`${name}: ${row.measured}`);
    rows.push(row);
  }
  return rows;
}

async function ranCase(root: string, folder: string, name: string): Promise<Row> {
  const check = caseChecks[name];
  if (!check) return notRun(NAME, name, target, 'nobody has written down how to check it (test/acceptance/cases)');
  const python = process.env.PY ?? 'python3';
  const missing = (check.python ?? []).filter((module) => spawnSync(python, ['-c', `import ${module}`]).status !== 0);
  if (missing.length > 0)
    return notRun(NAME, name, target, `${python} has no ${missing.join(', ')}; PY names one that has`);
  const temporary = mkdtempSync(join(tmpdir(), 'nmc-case-'));
  const out = join(temporary, 'out');
  mkdirSync(out);
  const plain = plainEnvironment({ TMPDIR: temporary, PY: python });
  try {
    const gpu = { ...plain, ...(await softwareVulkanEnvironment()) };
    const nmcWith =
      (env: NodeJS.ProcessEnv) =>
      (...args: string[]): Promise<Ended> =>
        runCommand(process.execPath, [join(root, 'dist/nmc.cjs'), ...args], { cwd: out, env });
    const text = await printed(folder, { ...gpu, NMC_REPO: root });
    const wrong = await check.wrong({ text, folder, out, nmc: nmcWith(plain), nmcOnGpu: nmcWith(gpu) });
    return { name: NAME, what: name, target, measured: wrong ?? 'as expected', holds: wrong === undefined };
  } finally {
    removeFolder(temporary);
  }
}

/** Output of a case's script on both streams; nothing where it has none. */
async function printed(folder: string, env: NodeJS.ProcessEnv): Promise<string> {
  const script = join(folder, 'cmd.sh');
  if (!existsSync(script)) return '';
  const end = await runCommand('bash', ['-c', 'bash "$0" 2>&1', script], { env });
  return end.lines.join('\n');
}
