/** Command lines: help, mistakes, and what every command says in JSON; exit codes 0, 2 and 3. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { passes } from '../../compiler/5-program/passes/index.ts';
import { lowering } from '../../compiler/7-kernels/wgsl/steps.ts';
import { jsonLines, nmc, temporaryFolder, writeTiny } from '../support/nmc.ts';
import { ROOT } from '../support/repository.ts';

const folder = temporaryFolder();
const model = writeTiny(folder);
const broken = join(folder, 'broken.pcn');
writeFileSync(broken, readFileSync(model, 'utf8').replace('link h -> label', 'link hh -> label'));
writeFileSync(join(folder, 'untidy.pcn'), readFileSync(model, 'utf8').replace('hidden: int = 12', 'hidden:int=12'));

const COMMANDS = [
  'train',
  'predict',
  'eval',
  'export',
  'check',
  'fmt',
  'explain',
  'show',
  'compile',
  'serve',
  'doctor',
  'bench',
  'data',
  'partition',
  'plan',
  'mesh',
  ...['up', 'synchronizer', 'join', 'leave', 'deploy', 'status', 'logs', 'stop', 'fetch', 'simulate', 'keys'],
];

test('a working directory that has been deleted is told without a stack trace', () => {
  const words = ['-c', 'cd "$0" && rmdir "$0" && exec "$1" "$2" check x.pcn', mkdtempSync(join(folder, 'gone-'))];
  const { status, stderr } = spawnSync('sh', [...words, process.execPath, join(ROOT, 'dist/nmc.cjs')]);
  expect(String(stderr)).toMatch(/^error\[file\/missing\]: the working directory has been deleted\n.*\n$/);
  expect(status).toBe(3);
});

test('nmc without a command shows its help and exits with 2', async () => {
  const outcome = await nmc([]);
  expect(outcome).toMatchObject({ code: 2, stdout: '' });
  for (const command of COMMANDS) expect(outcome.stderr).toContain(`nmc ${command}`);
  expect((await nmc(['--help'])).stdout).toBe(outcome.stderr);
});

test.each(COMMANDS)('nmc %s --help has an example and every option a description', async (command) => {
  const { code, stdout, stderr } = await nmc([command, '--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(new RegExp(`Examples:\\n  nmc ${command} \\S`));
  for (const line of (stdout.split('Examples:')[0] ?? '').split('\n').filter((l) => /^ +(-\w, )?--/.test(l)))
    expect(line).toMatch(/--[a-z-]+ {2,}\S+ \S/);
});

describe('a wrong command line ends with exit code 2 and what was meant', () => {
  test.each([
    [['trian'], 'did you mean train?'],
    [['frobnicate'], 'to list them: nmc --help'],
    [['train', model, '--epoch', '3'], 'did you mean --epochs?'],
    [['train', model, '--epochs', '0'], '--epochs needs a whole number from 1'],
    [['train', model, '--epochs', 'many'], '--epochs needs a whole number'],
    [['train', model, '--limit', '-4'], '--limit needs a whole number'],
    [['train', model, '--batch', '2.5'], '--batch needs a whole number'],
    [['train', model, '--seed'], '--seed needs a value'],
    [['train', model, '--device', 'gpu'], 'there is no device gpu'],
    [['train', model, '--set', 'hidden'], '--set needs name=value'],
    [['train', model, '--set', 'hiden=3'], 'hidden'],
    [['train', model, '--set', 'hidden=0'], 'hidden >= 1'],
    [['train', model, 'ill'], 'did you mean il?'],
    [['train', model, 'il', 'more'], 'more is not expected here'],
    [['train'], 'name a model file'],
    [['train', 'nowhere.pcn'], 'there is no file nowhere.pcn'],
    [['train', '.'], 'is a folder'],
    [['train', model, '--weights', folder], 'is not a training run'],
    [['train', '--resume', 'nowhere'], 'there is no such folder'],
    [['predict', folder], '--input is missing'],
    [['predict'], 'nmc predict <run>'],
    [['eval', folder], 'is not a training run'],
    [['serve', '--run', 'nowhere'], 'there is no such folder'],
    [['show', model, '--stage', 'grph'], 'did you mean graph?'],
    [['show', model, '--after', 'hoists', '--stage', 'program'], 'did you mean hoist?'],
    [['explain', 'link/shap'], 'did you mean link/shape?'],
    [['join', '127.0.0.1', '--listen', '0.0.0.0:7500'], 'not an address that neighbours can dial'],
    [['join', '127.0.0.1', '--listen', '127.0.0.1:7500', '--relay'], 'cannot be combined'],
    [['simulate'], 'name a plan'],
    [['data', 'lists'], 'action is one of'],
    [['data', 'get'], 'name a data set'],
    [['data', 'get', 'minst'], 'mnist'],
    [['train', model, '--data', 'nowhere', '--set', 'hidden=3', '--resume', 'x'], '--resume continues a run'],
  ])('%j', async (args, words) => {
    const outcome = await nmc([...args, '--json'], { cwd: folder });
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain(words);
    expect(outcome.stderr).not.toContain('    at ');
    expect(jsonLines(outcome).map((line) => line.event)).toEqual(['error']);
    for (const line of jsonLines(outcome)) expect(Object.keys(line)).toEqual(['event', 'code', 'message']);
  });
});

describe('a mistake in a model', () => {
  test('is shown by nmc check, which exits with 2', async () => {
    const outcome = await nmc(['check', broken], { cwd: folder });
    expect(outcome.code).toBe(2);
    expect(outcome.stdout).toMatch(/^error\[.+\]/);
    expect(outcome.stdout).toContain('1 error in 1 file');
    expect((await nmc(['check', model])).code).toBe(0);
  });

  test.each(['train', 'compile', 'show'])('is shown by nmc %s, which exits with 2', async (command) => {
    const outcome = await nmc([command, broken, '--json'], { cwd: folder });
    expect(outcome.code).toBe(2);
    expect(jsonLines(outcome)).toMatchObject([{ event: 'error' }]);
    expect(outcome.stderr).toContain('1 error in 1 file');
  });

  test('is written as JSON and as SARIF', async () => {
    const json = jsonLines(await nmc(['check', broken, '--json'], { cwd: folder }));
    expect(json).toMatchObject([{ severity: 'error' }]);
    const sarif = JSON.parse((await nmc(['check', broken, '--sarif'], { cwd: folder })).stdout);
    expect(sarif).toMatchObject({ version: '2.1.0', runs: [{ results: [{ level: 'error' }] }] });
  });
});

test('nmc fmt rewrites a file, and nmc fmt --check only reports it', async () => {
  const untidy = ['fmt', 'untidy.pcn'];
  const check = await nmc([...untidy, '--check'], { cwd: folder });
  expect(check).toMatchObject({ code: 1, stderr: 'would change  untidy.pcn\n' });
  expect((await nmc([...untidy, '--json'], { cwd: folder })).stdout).toBe('{"file":"untidy.pcn","changed":true}\n');
  expect((await nmc([...untidy, '--check'], { cwd: folder })).code).toBe(0);
  expect(readFileSync(join(folder, 'untidy.pcn'), 'utf8')).toContain('hidden: int = 12');
  const piped = await nmc(['fmt', '-'], { input: 'pcn 1\nmodel   m {  }\n' });
  expect(piped).toMatchObject({ code: 0, stderr: '' });
  expect(piped.stdout).toMatch(/^pcn 1\n\nmodel m \{\s*\}\n$/);
});

test('nmc data list says what is here, as text and as JSON', async () => {
  const args = ['data', 'list', '--data', folder];
  const lines = jsonLines(await nmc([...args, '--json']));
  expect(lines.map((line) => line.name)).toEqual(expect.arrayContaining(['mnist', 'fashion-mnist', 'cifar-10']));
  expect(lines.every((line) => line.present === false)).toBe(true);
  const { code, stdout } = await nmc(args);
  expect(code).toBe(0);
  expect(stdout.trimEnd().split('\n')).toHaveLength(lines.length);
});

test('without a network nmc data get exits with 3 and says so', async () => {
  const preload = join(folder, 'no-network.mjs');
  writeFileSync(preload, "globalThis.fetch = () => Promise.reject(new TypeError('fetch failed'));\n");
  const outcome = await nmc(['data', 'get', 'mnist', '--data', join(folder, 'data'), '--json'], {
    env: { NODE_OPTIONS: `--import=${pathToFileURL(preload)}` },
  });
  expect(outcome.code).toBe(3);
  expect(jsonLines(outcome)).toMatchObject([{ event: 'error', code: 'data/network' }]);
});

test('data that are missing end a training with exit code 2 and the command that gets them', async () => {
  const mnist = join(ROOT, 'dsl-examples/mnist.pcn');
  const outcome = await nmc(['train', mnist, '--data', join(folder, 'nothing'), '--json'], { cwd: folder });
  expect(outcome.code).toBe(2);
  expect(jsonLines(outcome).at(-1)).toMatchObject({ event: 'error', code: 'data/missing' });
  expect(outcome.stderr).toContain('nmc data get mnist');
});

describe('NMC_DEBUG', () => {
  test('1 shows stages with their times, and 5 the program after each pass', async () => {
    const args = ['compile', model, '-o', join(folder, 'debug.plan'), '--json'];
    const stages = await nmc(args, { env: { NMC_DEBUG: '1' } });
    expect(stages.stderr).toMatch(/^\[stages\] parse and check +[\d.]+ ms/);
    expect(jsonLines(stages)).toHaveLength(1);
    const passes = await nmc(args, { env: { NMC_DEBUG: '5' } });
    expect(passes.stderr).toMatch(/^\[graph\] after dead-code$/m);
    expect(passes.stderr).toMatch(/^\[kernels\] cpu\/train\.onnx$/m);
  });

  test('5 shows the program after each pass for a model that is cut, too', async () => {
    const args = ['compile', model, '--partition', '2', '-o', join(folder, 'debug-cut.plan'), '--json'];
    const { stderr } = await nmc(args, { env: { NMC_DEBUG: '5' } });
    const shown = [...stderr.matchAll(/^\[graph\] after (\S+)$/gm)].map(([, name]) => name);
    const byNode = passes.map(({ name }) => name).filter((name) => name !== 'batch');
    expect(shown).toEqual(['none', ...byNode]);
  });

  test('4 shows what each step of the lowering to WGSL has changed, once for each function', async () => {
    const args = ['compile', model, '-o', join(folder, 'debug-kernels.plan'), '--json'];
    const { stderr } = await nmc(args, { env: { NMC_DEBUG: '4' } });
    const shown = [...stderr.matchAll(/^\[kernels\] train after ([\w-]+): .+\n\[kernels\] {3}(.+)$/gm)];
    expect(shown.map(([, name]) => name)).toEqual(lowering.steps.map(({ name }) => name));
    const changed = new Map(shown.map(([, name, line]) => [name, line]));
    expect(changed.get('halves')).toBe('nothing changed');
    expect(changed.get('flatten')).toMatch(/^\S+: \[.*\] = \w+\(.*\)$/);
    expect(changed.get('dispatch')).toMatch(/groups for/);
  });

  test('another level is refused with exit code 2', async () => {
    const outcome = await nmc(['check', model], { env: { NMC_DEBUG: 'all' } });
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain('NMC_DEBUG is "all"');
  });
});

test('a reader that closes the pipe is not a failure', async () => {
  const outcome = await nmc(['show', model, '--stage', 'program'], {
    onStart: (child) => child.stdout?.destroy(),
  });
  expect(outcome.stderr).toBe('');
  expect(outcome.code).toBe(0);
});

test('a parameter with two values, and a mesh with two ports, are refused', async () => {
  const twice = await nmc(['check', model, '--set', 'hidden=8', '--set', 'hidden=9']);
  expect(twice.code).toBe(2);
  expect(twice.stderr).toContain('--set gives hidden two values, 8 and 9');
  const ports = await nmc(['up', '--listen', '127.0.0.1:17433', '--port', '17434'], { cwd: folder });
  expect(ports.code).toBe(2);
  expect(ports.stderr).toContain('give two ports');
});
