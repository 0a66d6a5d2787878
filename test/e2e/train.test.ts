/** `nmc train`: the JSON contract, its options, and the exit codes of trainings. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hashes, type JsonLine, jsonLines, nmc, temporaryFolder, writeTiny } from '../support/nmc.ts';

const folder = temporaryFolder();
const model = writeTiny(folder);
const QUICK = ['--limit', '64', '--json'];

async function train(...args: string[]): Promise<{ code: number | null; lines: JsonLine[]; stderr: string }> {
  const outcome = await nmc(['train', model, ...QUICK, ...args], { cwd: folder });
  return { code: outcome.code, lines: jsonLines(outcome), stderr: outcome.stderr };
}

function weights(run: string): string | undefined {
  return hashes(join(folder, run))['model.safetensors'];
}

test('nmc train prints the events of its contract, in order and with their fields, and nothing else', async () => {
  const { code, lines, stderr } = await train('--out', 'contract');
  expect(code).toBe(0);
  expect(stderr).toBe('');
  expect(lines.map((line) => line.event)).toEqual(['start', 'epoch', 'epoch', 'done']);
  const [start, first, second, done] = lines;
  expect(Object.keys(start ?? {})).toEqual(['event', 'model', 'task', 'device', 'parameters', 'flopsPerBatch']);
  expect(start).toMatchObject({ model: 'tiny', task: 'il', device: 'cpu', parameters: 784 * 12 + 12 + 12 * 10 + 10 });
  expect(start?.flopsPerBatch).toBeGreaterThan(784 * 12 * 16 * 2);
  expect(Object.keys(first ?? {}).slice(0, 6)).toEqual([
    'event',
    'epoch',
    'energy',
    'accuracy',
    'seconds',
    'samplesPerSecond',
  ]);
  expect([first?.epoch, second?.epoch]).toEqual([1, 2]);
  expect(second?.energy).toBeLessThan(first?.energy as number);
  expect(Object.keys(done ?? {})).toEqual(['event', 'accuracy', 'seconds', 'checks', 'out']);
  expect(done).toMatchObject({
    accuracy: second?.accuracy,
    checks: [{ check: 'accuracy(classify.digit, data.glyphs.test.digit) >= 0', value: second?.accuracy, pass: true }],
    out: 'contract',
  });
  const files = Object.keys(hashes(join(folder, 'contract')));
  for (const name of ['model.safetensors', 'config.json', 'README.md', 'metrics.jsonl', 'curve.svg', 'plan/plan.json'])
    expect(files).toContain(name);
  expect(files.some((name) => name.startsWith('events.out.tfevents.'))).toBe(true);
  // The card may be published: it does not say where its maker's files lie.
  expect(readFileSync(join(folder, 'contract', 'README.md'), 'utf8').replaceAll(model, '')).not.toContain(folder);
});

test('a check that fails is reported, the run is saved, and the exit code is 1', async () => {
  const strict = join(folder, 'strict.pcn');
  writeFileSync(strict, readFileSync(model, 'utf8').replace(/>= 0\n$/, '>= 0.999\n'));
  const outcome = await nmc(['train', strict, ...QUICK, '--epochs', '1', '--out', 'strict'], { cwd: folder });
  expect(outcome.code).toBe(1);
  expect(jsonLines(outcome).at(-1)).toMatchObject({ event: 'done', checks: [{ pass: false }], out: 'strict' });
  const again = await nmc(['train', '--resume', 'strict', '--json'], { cwd: folder });
  expect(again.code).toBe(0);
  expect(jsonLines(again)).toMatchObject([{ event: 'done', seconds: 0, checks: [{ pass: false }] }]);
});

test('the same seed gives the same bits, and another seed gives others', async () => {
  await Promise.all([
    train('--seed', '7', '--out', 'seed7'),
    train('--seed', '7', '--out', 'seed7again'),
    train('--seed', '8', '--out', 'seed8'),
  ]);
  expect(weights('seed7')).toBeDefined();
  expect(weights('seed7again')).toBe(weights('seed7'));
  expect(weights('seed8')).not.toBe(weights('seed7'));
});

test('--set, --batch, --limit, TASK and --device change what they name', async () => {
  const [set, batch, task, device] = await Promise.all([
    train('--epochs', '1', '--set', 'hidden=5', '--out', 'set'),
    train('--epochs', '1', '--batch', '64', '--out', 'batch'),
    nmc(['train', model, 'ipc', ...QUICK, '--epochs', '1', '--out', 'task'], { cwd: folder }),
    train('--epochs', '1', '--device', 'reference', '--out', 'device'),
  ]);
  expect(set.lines[0]).toMatchObject({ parameters: 784 * 5 + 5 + 5 * 10 + 10 });
  expect(batch.lines[0]?.flopsPerBatch).toBeGreaterThan(set.lines[0]?.flopsPerBatch as number);
  expect(jsonLines(task)[0]).toMatchObject({ task: 'ipc' });
  expect(device.lines[0]).toMatchObject({ device: 'reference' });
  expect(device.lines.at(-1)).toMatchObject({ event: 'done' });
});

test('--epochs sets the horizon of the schedules, too', async () => {
  await Promise.all([train('--epochs', '1', '--out', 'one'), train('--epochs', '3', '--out', 'three')]);
  const energyOf = (run: string): unknown =>
    JSON.parse(readFileSync(join(folder, run, 'metrics.jsonl'), 'utf8').split('\n')[0] ?? '').energy;
  // The first epoch of three warms up and cools down more slowly than the only one of one.
  expect(energyOf('one')).not.toBe(energyOf('three'));
});

test('--weights begins with the weights of another run', async () => {
  await train('--epochs', '2', '--out', 'before');
  const { lines } = await train('--epochs', '1', '--weights', 'before', '--out', 'after');
  const energies = (run: string): number[] =>
    readFileSync(join(folder, run, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { energy: number }).energy);
  expect(lines[1]?.energy).toBeLessThan(energies('before')[0] as number);
  const other = await train('--set', 'hidden=5', '--weights', 'before', '--out', 'misfit');
  expect(other).toMatchObject({ code: 2, lines: [{ event: 'start' }, { event: 'error', code: 'weights/shape' }] });
  expect(existsSync(join(folder, 'misfit'))).toBe(false);
});

describe('the folder of --out', () => {
  test('is refused where it is not empty', async () => {
    mkdirSync(join(folder, 'full'));
    writeFileSync(join(folder, 'full', 'thesis.txt'), 'years of work');
    const { code, lines, stderr } = await train('--out', 'full');
    expect(code).toBe(2);
    expect(lines.at(-1)).toMatchObject({ event: 'error', code: 'run/exists' });
    expect(stderr).toContain('choose another --out');
    expect(Object.keys(hashes(join(folder, 'full')))).toEqual(['thesis.txt']);
  });

  test('is refused where nothing can be written', async () => {
    const { code, lines } = await train('--out', '/dev/null/run');
    expect(code).toBe(3);
    expect(lines.at(-1)).toMatchObject({ event: 'error' });
  });
});

test('may exist where it is empty', async () => {
  mkdirSync(join(folder, 'empty'));
  expect((await train('--epochs', '1', '--out', 'empty')).code).toBe(0);
  expect(weights('empty')).toBeDefined();
});

test('people see what is trained, the epochs, the checks and the next command', async () => {
  const { code, stdout, stderr } = await nmc(['train', model, '--limit', '64', '--out', 'seen'], { cwd: folder });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^tiny \(il\) · 9,550 parameters in 2 links · IL, 3 ticks · cpu \(ONNX Runtime/);
  expect(stdout).toMatch(/^data {3}glyphs\.train.* 64 · glyphs\.test.* 64 · generated from seed 1$/m);
  expect(stdout).toMatch(/^energy by node {3}h \S+ {3}label \S+$/m);
  expect(stdout).toMatch(/^check {2}accuracy\(.*\) >= 0 {3}[\d.]+ % {3}holds$/m);
  expect(stdout).toMatch(/^saved {2}seen {4}next: nmc predict seen --input seen\/sample\.json$/m);
  expect(stderr).toMatch(/^epoch {2}1\/2 {2}4\/4 .* energy \S+ {3}test [\d.]+ %$/m);
  expect(stdout + stderr).not.toContain('\x1b');
});
