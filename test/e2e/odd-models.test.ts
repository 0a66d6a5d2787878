/** Models and settings at the edge: nothing ends in a stack trace, and what can be trained is. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openRun } from '../../runtime/store/run-folder.ts';
import { type JsonLine, jsonLines, nmc, temporaryFolder, tinyModel } from '../support/nmc.ts';
import { npy, npyF32, npz } from '../unit/data/fixtures.ts';

const folder = temporaryFolder();
const tiny = tinyModel();
let count = 0;

interface Trained {
  readonly code: number | null;
  readonly lines: JsonLine[];
  readonly stderr: string;
  readonly run: string;
}

async function train(text: string, ...args: string[]): Promise<Trained> {
  const name = `model-${count++}`;
  writeFileSync(join(folder, `${name}.pcn`), text);
  const outcome = await nmc(['train', `${name}.pcn`, ...args, '--out', name, '--json'], { cwd: folder });
  expect(outcome.stderr).not.toContain('    at ');
  return { code: outcome.code, lines: jsonLines(outcome), stderr: outcome.stderr, run: join(folder, name) };
}

const without = (text: string, start: string): string =>
  text
    .split(/\n\n(?=\S)/)
    .filter((part) => !part.startsWith(start))
    .join('\n\n');

describe('a model whose energy is not a number', () => {
  test.each(['cpu', 'reference'])('stops with exit code 2 and the last good state on %s', async (device) => {
    const wild = tiny.replace('rate = 0.1)', 'rate = 1e150)');
    const { code, lines, stderr, run } = await train(wild, '--limit', '64', '--device', device, '--set', 'hidden=4');
    expect(code).toBe(2);
    expect(lines.at(-1)).toMatchObject({ event: 'error' });
    expect(lines.at(-1)?.code).toMatch(/^(energy|weights)\/not-finite$/);
    expect(stderr).toMatch(/no longer (a )?finite/);
    expect(stderr).toMatch(/batch \d+ of epoch \d+/);
    for (const { data } of openRun(run).readParameters())
      expect(Array.from(data, Number).every(Number.isFinite)).toBe(true);
    expect(openRun(run).latestSnapshot().finished).toBe(false);
  });
});

describe('a data set of few samples', () => {
  test('is refused before a folder is made where it fills no batch', async () => {
    const { code, lines, stderr, run } = await train(tiny, '--limit', '15');
    expect(code).toBe(2);
    expect(lines.at(-1)).toMatchObject({ event: 'error', code: 'data/too-small' });
    expect(stderr).toContain('--batch 15');
    expect(existsSync(run)).toBe(false);
  });

  test('trains in batches of one where it has one sample', async () => {
    const { code, lines } = await train(tiny, '--limit', '1', '--batch', '1', '--epochs', '3');
    expect(code).toBe(0);
    expect(lines.map((line) => line.event)).toEqual(['start', 'epoch', 'epoch', 'epoch', 'done']);
  });
});

describe('a file that lacks a part', () => {
  test('trains without checks, with an accuracy of null', async () => {
    const { code, lines } = await train(without(tiny, 'check'), '--limit', '32', '--epochs', '1');
    expect(code).toBe(0);
    expect(lines[1]).toMatchObject({ accuracy: null });
    expect(lines.at(-1)).toMatchObject({ event: 'done', accuracy: null, checks: [] });
  });

  test('trains without a predict block, but has nothing to predict', async () => {
    const { code, run } = await train(without(without(tiny, 'check'), 'predict'), '--limit', '32', '--epochs', '1');
    expect(code).toBe(0);
    writeFileSync(join(folder, 'one.npy'), npy('|u1', [1, 28, 28], new Uint8Array(784)));
    const predicted = await nmc(['predict', run, '--input', join(folder, 'one.npy')]);
    expect(predicted).toMatchObject({ code: 2, stdout: '' });
    expect(predicted.stderr).toContain('has no predict block');
    const evaluated = await nmc(['eval', run]);
    expect(evaluated).toMatchObject({ code: 0, stdout: 'tiny has no checks\n' });
  });

  test('is refused where it has no train block', async () => {
    const { code, lines } = await train(without(tiny, 'train'));
    expect(code).toBe(2);
    expect(lines).toMatchObject([{ event: 'error', code: 'task/none' }]);
  });

  test('is refused where it has no model', async () => {
    const { code, lines } = await train('pcn 1\n');
    expect(code).toBe(2);
    expect(lines).toMatchObject([{ event: 'error' }]);
  });
});

test('trains each task with its own model where it has two', async () => {
  const second = tiny
    .slice(tiny.indexOf('model tiny'))
    .replaceAll('tiny', 'other')
    .replace('hidden: int = 12', 'hidden: int = 3')
    .replaceAll('train il', 'train il_other')
    .replaceAll('train ipc', 'train ipc_other')
    .replaceAll('classify', 'classify_other');
  const both = `${tiny}\n${second}`;
  const [first, other] = await Promise.all([
    train(both, '--limit', '32', '--epochs', '1'),
    train(both, 'il_other', '--limit', '32', '--epochs', '1'),
  ]);
  expect(first.lines[0]).toMatchObject({ model: 'tiny', parameters: 784 * 12 + 12 + 130 });
  expect(other.lines[0]).toMatchObject({ model: 'other', parameters: 784 * 3 + 3 + 40 });
  expect(other.lines.at(-1)?.checks).toMatchObject([{ check: expect.stringContaining('classify_other.digit') }]);
});

describe('one’s own data', () => {
  const project = join(folder, 'project');
  mkdirSync(join(project, 'models'), { recursive: true });
  const samples = 60;
  const x = Array.from({ length: samples * 4 }, (_, i) => (i % 4 === Math.floor(i / 4) % 12 ? 1 : 0.1 * (i % 3)));
  const y = new Uint8Array(Int32Array.from({ length: samples }, (_, i) => i % 12).buffer);
  writeFileSync(join(project, 'models', 'own.npz'), npz({ x: npyF32([samples, 4], x), y: npy('<i4', [samples], y) }));
  const data = 'data.file("own.npz", x = f32[4], y = int)';
  const own = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model own {
  sense input:  f32[4]
  node  h:      f32[16] = nodes.gaussian()
  node  label:  f32[12] = nodes.gaussian()

  link input -> h = links.dense(after = tanh)
  link h -> label = links.dense()
}

train il of own on ${data} {
  clamp input = sample.x
  clamp label = one_hot(sample.y, 12)

  method    = learn.il(steps = 3, rate = 0.1)
  optimizer = learn.adam(rate = 1e-2)
  batch     = 10
  epochs    = 2
}

predict classify of own {
  clamp input = input.x
  read class = argmax(label)
}

check accuracy(classify.class, ${data}.y) >= 0
`;
  writeFileSync(join(project, 'models', 'own.pcn'), own);

  test('are found beside the model file from any working folder, with a dozen classes', async () => {
    const outcome = await nmc(['train', 'models/own.pcn', '--out', 'run', '--json'], { cwd: project });
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(jsonLines(outcome).at(-1)).toMatchObject({ event: 'done' });
    const plan = readFileSync(join(project, 'run', 'plan', 'plan.json'), 'utf8');
    expect(plan).toContain('"own.npz"');
    expect(plan).not.toContain(project);
    const elsewhere = await nmc(['eval', join(project, 'run'), '--json'], { cwd: folder });
    expect(elsewhere.code).toBe(0);
    expect(jsonLines(elsewhere)[0]?.checks).toMatchObject([{ value: jsonLines(outcome).at(-1)?.accuracy }]);
  });

  test('are refused where the model asks for a field that the file does not have', async () => {
    writeFileSync(
      join(project, 'models', 'field.pcn'),
      own.replaceAll('x = f32[4]', 'z = f32[4]').replaceAll('sample.x', 'sample.z').replaceAll('input.x', 'input.z'),
    );
    const outcome = await nmc(['train', 'models/field.pcn', '--out', 'no', '--json'], { cwd: project });
    expect(outcome.code).toBe(2);
    expect(jsonLines(outcome).at(-1)).toMatchObject({ event: 'error', code: 'data/field' });
    expect(existsSync(join(project, 'no'))).toBe(false);
  });
});
