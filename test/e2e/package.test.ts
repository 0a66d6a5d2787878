/** The packed package: it installs in an empty folder with no network, trains and predicts. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/nmc.ts';
import { ROOT, trackedFiles } from '../support/repository.ts';

const MINUTES = 60_000;
const TARBALL = 'neuromesh.tgz';
/** Installed, on linux-x64. */
const MAX_BYTES = 150 * 1024 * 1024;

interface Ran {
  readonly stdout: string;
  readonly stderr: string;
}

const staged = temporaryFolder();
const empty = temporaryFolder();

beforeAll(() => {
  for (const file of trackedFiles().filter((name) => !name.startsWith('test/'))) copy(file);
  for (const part of ['nmc.cjs', 'bundle', 'data', 'browser']) copy(join('dist', part));
  symlinkSync(join(ROOT, 'node_modules'), join(staged, 'node_modules'), 'junction');
  run(staged, 'node', ['.config/package.mjs']);
  // The build is there already: its scripts stay out.
  run(staged, 'npm', ['pack', '--ignore-scripts']);
  renameSync(join(staged, onlyTarball(staged)), join(empty, TARBALL));
  writeFileSync(join(empty, 'package.json'), '{ "private": true }');
}, 5 * MINUTES);

describe('the package', () => {
  it(
    'installs from its file alone, without a warning',
    () => {
      const { stderr } = run(empty, 'npm', ['install', '--offline', '--no-audit', '--no-fund', `./${TARBALL}`]);
      // A setting in the home folder of whoever runs the tests is not the package's.
      expect(stderr.split('\n').filter((line) => line !== '' && !line.includes('Unknown user config'))).toEqual([]);
      expect(readdirSync(join(empty, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(['neuromesh']);
      expect(bytesOf(join(empty, 'node_modules'))).toBeLessThan(MAX_BYTES);
    },
    5 * MINUTES,
  );

  it('keeps machine code for exactly the Node that made it, since another may take it and crash', () => {
    const kept = readdirSync(join(empty, 'node_modules/neuromesh/dist/bundle')).filter((name) =>
      name.endsWith('.code'),
    );
    expect(kept).toEqual([`runtime-cli-main.cjs.${process.version}-${process.platform}-${process.arch}.code`]);
  });

  it('has the client of NATS, with its licences', () => {
    const address = ['--nats', 'nats://127.0.0.1:1'];
    const asked = run(empty, 'npx', ['--no', 'nmc', 'mesh', 'init', ...address], [3]);
    expect(asked.stderr).toContain('error[nats/unreachable]');
    const client = join(empty, 'node_modules/neuromesh/dist/node_modules/@nats-io');
    expect(readdirSync(client).sort()).toEqual([
      ...['jetstream', 'kv', 'nats-core', 'nkeys', 'nuid', 'obj', 'transport-node'],
    ]);
    for (const name of readdirSync(client)) expect(readdirSync(join(client, name)), name).toContain('LICENSE');
  });

  it(
    'trains an example and predicts from the run',
    () => {
      const model = join('node_modules', 'neuromesh', 'dsl-examples', 'digits.pcn');
      const settings = ['--epochs', '1', '--limit', '2048', '--out', 'run', '--json'];
      const trained = run(empty, 'npx', ['--no', 'nmc', 'train', model, ...settings], [0, 1]);
      expect(trained.stdout).toContain('"event":"done"');
      writeFileSync(join(empty, 'one.jsonl'), JSON.stringify({ image: Array(28).fill(Array(28).fill(0)) }));
      const predicted = run(empty, 'npx', ['--no', 'nmc', 'predict', 'run', '--input', 'one.jsonl', '--json']);
      expect(predicted.stdout).toMatch(/"digit":\d/);
    },
    2 * MINUTES,
  );
});

function copy(path: string): void {
  const target = join(staged, path);
  mkdirSync(dirname(target), { recursive: true });
  cpSync(join(ROOT, path), target, { recursive: true });
}

/** @throws Error with what the program printed, where it ends by another exit code */
function run(cwd: string, program: string, args: readonly string[], codes: readonly number[] = [0]): Ran {
  // Neither the settings of the npm that runs the tests, nor a developer's.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS$)/i.test(name)));
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8' });
  if (status === null || !codes.includes(status))
    throw new Error(`${program} ${args.join(' ')}: exit ${status}\n${stdout}\n${stderr}`);
  return { stdout, stderr };
}

function onlyTarball(folder: string): string {
  const [name = ''] = readdirSync(folder).filter((file) => file.endsWith('.tgz'));
  return name;
}

function bytesOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
