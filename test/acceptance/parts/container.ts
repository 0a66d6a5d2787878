/** The container file: built where a container engine answers; else its lines run by a user without rights. */
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeFolder } from '../../support/remove-folder.ts';
import { type Ended, plainEnvironment, remembered, runCommand } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

const NAME = 'container';
const WHAT = 'the container file: its synchronizer answers';
const TARGET = 'GET /healthz 200, by a user without rights';
/** `nobody`, where the measuring user may become someone else. */
const NOBODY = 65_534;
const PORT = 7420;

export const containerPart: Part = {
  name: NAME,
  what: `${WHAT}, built where a container engine is, else line by line (port ${PORT})`,
  takes: '3 minutes',
  run: async (context) => [
    (await runCommand('docker', ['info']).catch(() => undefined))?.code === 0
      ? await built(context)
      : await byLines(context),
  ],
};

async function built(context: Context): Promise<Row> {
  const image = await runCommand('docker', ['build', '--quiet', context.root]);
  if (image.code !== 0) return row(false, `docker build ended with ${image.code}: ${image.tail}`);
  const id = image.lines.at(-1) ?? '';
  const started = await runCommand('docker', ['run', '--rm', '--detach', '--publish', `127.0.0.1:${PORT}:${PORT}`, id]);
  const container = started.lines.at(-1) ?? '';
  try {
    return row(await answers(), `built, container ${container.slice(0, 12)}`);
  } finally {
    await runCommand('docker', ['stop', container]);
  }
}

/** Of the first stage its RUN lines in a clone; of the second its RUN lines and its CMD in an empty folder, as `nobody`. */
async function byLines(context: Context): Promise<Row> {
  if (process.getuid?.() !== 0)
    return notRun(NAME, WHAT, TARGET, 'no container engine, and only root can become nobody');
  const [first, second] = stagesOf(readFileSync(join(context.root, 'Dockerfile'), 'utf8'));
  const folder = mkdtempSync(join(tmpdir(), 'nmc-container-'));
  chmodSync(folder, 0o755);
  try {
    const source = join(folder, 'src');
    await must(runCommand('git', ['clone', '--quiet', context.root, source]));
    for (const line of first?.run ?? [])
      await must(runCommand('sh', ['-ec', line], { cwd: source, env: plainEnvironment(), onLine: context.progress }));
    const [tarball = ''] = readdirSync(source).filter((name) => name.endsWith('.tgz'));
    return await asNobody(context, folder, join(source, tarball), second ?? { run: [], command: [] });
  } finally {
    removeFolder(folder);
  }
}

async function asNobody(context: Context, folder: string, tarball: string, stage: Stage): Promise<Row> {
  const home = join(folder, 'home');
  mkdirSync(home);
  chownSync(home, NOBODY, NOBODY);
  chmodSync(tarball, 0o644);
  const prefix = join(home, '.npm-global');
  const env = {
    ...plainEnvironment(),
    HOME: home,
    npm_config_prefix: prefix,
    npm_config_cache: join(home, '.npm'),
    PATH: [join(prefix, 'bin'), process.env.PATH].join(delimiter),
  };
  const limited = { cwd: home, env, uid: NOBODY, gid: NOBODY };
  for (const line of stage.run)
    await must(
      runCommand('sh', ['-ec', line.replace('/tmp/neuromesh.tgz', tarball)], { ...limited, onLine: context.progress }),
    );
  const [program = '', ...args] = stage.command;
  const child = remembered(spawn(program, args, { ...limited, stdio: 'ignore' }));
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  try {
    return row(await answers(), 'no container engine: RUN and CMD lines as nobody, in an empty folder');
  } finally {
    child.kill('SIGINT');
    await ended;
  }
}

interface Stage {
  readonly run: readonly string[];
  readonly command: readonly string[];
}

function stagesOf(text: string): Stage[] {
  return text
    .split(/^FROM /m)
    .slice(1)
    .map((stage) => ({
      run: [...stage.matchAll(/^RUN (.*)$/gm)].map(([, line = '']) => line),
      command: JSON.parse(/^CMD (.*)$/m.exec(stage)?.[1] ?? '[]') as string[],
    }));
}

async function answers(): Promise<boolean> {
  for (let attempt = 0; attempt < 60; attempt += 1) {
    const response = await fetch(`http://127.0.0.1:${PORT}/healthz`).catch(() => undefined);
    if (response?.status === 200) return true;
    await sleep(1000);
  }
  return false;
}

async function must(running: Promise<Ended>): Promise<void> {
  const { code, tail } = await running;
  if (code !== 0) throw new Error(`exit ${code}: ${tail}`);
}

const row = (healthy: boolean, how: string): Row => ({
  name: NAME,
  what: WHAT,
  target: TARGET,
  measured: `${how}: ${healthy ? '200' : 'no answer'}`,
  holds: healthy,
});
