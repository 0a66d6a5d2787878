/** Uses of a trained run: predict, eval, export, compile; every kind of input gives the same answers. */
import type { ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { beforeAll, describe, expect, test } from 'vitest';
import { glyphs } from '../../runtime/data/sources/glyphs.ts';
import { hashes, type JsonLine, jsonLines, nmc, temporaryFolder, tinyModel, writeTiny } from '../support/nmc.ts';
import { greyPng, idx, npy, npz } from '../unit/data/fixtures.ts';

const COUNT = 40;
const folder = temporaryFolder();
const model = writeTiny(folder);

const samples = glyphs('test', { seed: 1 });
const rows = Uint32Array.from({ length: COUNT }, (_, i) => i);
const images = new Uint8Array(COUNT * 784);
const digits = new Int32Array(COUNT);
samples.gather('image', rows, images);
samples.gather('digit', rows, digits);
const imageOf = (i: number): Uint8Array => images.subarray(i * 784, (i + 1) * 784);

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return name;
}

async function predict(input: string, stdin?: string): Promise<JsonLine[]> {
  const outcome = await nmc(['predict', 'run', '--input', input, '--json'], {
    cwd: folder,
    ...(stdin === undefined ? {} : { input: stdin }),
  });
  expect(outcome).toMatchObject({ code: 0, stderr: '' });
  return jsonLines(outcome);
}

let expected: JsonLine[] = [];

beforeAll(async () => {
  const trained = await nmc(['train', model, '--limit', '400', '--out', 'run', '--json'], { cwd: folder });
  expect(trained.code).toBe(0);
  expected = await predict(write('images.npy', npy('|u1', [COUNT, 28, 28], images)));
});

test('every sample has its prediction and a score for each class', () => {
  expect(expected).toHaveLength(COUNT);
  for (const [i, line] of expected.entries()) {
    const scores = line.digit_scores as number[];
    expect(Object.keys(line)).toEqual(['input', 'digit', 'digit_scores']);
    expect(line.input).toBe(String(i + 1));
    expect(scores).toHaveLength(10);
    expect(scores.indexOf(Math.max(...scores))).toBe(line.digit);
  }
  expect(new Set(expected.map((line) => line.digit)).size).toBeGreaterThan(2);
});

describe('pictures of digits give the same predictions', () => {
  const head = Array.from({ length: 784 }, (_, e) => `image[${e}]`).join(',');
  test.each([
    ['IDX', () => write('images.idx', idx([COUNT, 28, 28], [...images]))],
    [
      'NPZ',
      () =>
        write(
          'images.npz',
          npz({ image: npy('|u1', [COUNT, 28, 28], images), other: npy('|u1', [1], images.subarray(0, 1)) }),
        ),
    ],
    ['CSV', () => write('images.csv', `${head}\n${[...rows].map((i) => imageOf(i).join(',')).join('\n')}\n`)],
  ])('from %s', async (_name, make) => {
    expect(await predict(make())).toEqual(expected);
  });

  test('from JSON lines on standard input', async () => {
    const lines = [...rows].map((i) => JSON.stringify({ image: [...imageOf(i)] })).join('\n');
    expect(await predict('-', lines)).toEqual(expected);
  });

  test('from a PNG, and from a folder of them in the order of their names', async () => {
    mkdirSync(join(folder, 'pictures'));
    for (const i of [0, 1, 2])
      write(
        `pictures/digit-${i}.png`,
        greyPng(28, 28, (x, y) => imageOf(i)[y * 28 + x] as number),
      );
    const found = await predict('pictures');
    expect(found.map((line) => line.input)).toEqual(['digit-0.png', 'digit-1.png', 'digit-2.png']);
    expect(found.map((line) => line.digit_scores)).toEqual(expected.slice(0, 3).map((line) => line.digit_scores));
    expect((await predict('pictures/digit-1.png')).map((line) => line.digit)).toEqual([expected[1]?.digit]);
  });
});

test('nmc predict writes one line for each sample', async () => {
  const { code, stdout } = await nmc(['predict', 'run', '--input', 'images.npy', '--limit', '2'], { cwd: folder });
  expect(code).toBe(0);
  expect(stdout.trimEnd().split('\n')).toHaveLength(2);
  expect(stdout).toMatch(new RegExp(`^1 {3}digit ${expected[0]?.digit} {3}\\(${expected[0]?.digit}: \\d\\.\\d{3} `));
});

test('nmc eval measures what nmc predict predicts, with the limit of the training unless another is given', async () => {
  const right = expected.filter((line, i) => line.digit === digits[i]).length / COUNT;
  const [limited, own] = await Promise.all([
    nmc(['eval', 'run', '--limit', String(COUNT), '--json'], { cwd: folder }),
    nmc(['eval', 'run', '--json'], { cwd: folder }),
  ]);
  expect(limited.code).toBe(0);
  expect(jsonLines(limited)).toMatchObject([{ event: 'eval', run: 'run', checks: [{ value: right, pass: true }] }]);
  const done =
    readFileSync(join(folder, 'run', 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .at(-1) ?? '{}';
  expect(jsonLines(own)).toMatchObject([{ checks: [{ value: JSON.parse(done).accuracy }] }]);
});

test('the exported file predicts the same in ONNX Runtime, alone', async () => {
  const outcome = await nmc(['export', 'run', '--onnx', 'out.onnx', '--json'], { cwd: folder });
  expect(outcome.code).toBe(0);
  expect(jsonLines(outcome)).toMatchObject([{ event: 'exported', onnx: 'out.onnx' }]);
  const session = await ort.InferenceSession.create(readFileSync(join(folder, 'out.onnx')));
  expect(session.inputNames).toEqual(['image']);
  const batch = 256;
  const padded = new Uint8Array(batch * 784);
  padded.set(images);
  const results = await session.run({ image: new ort.Tensor('uint8', padded, [batch, 28, 28]) });
  const predicted = Array.from(results.digit?.data as Float32Array).slice(0, COUNT);
  expect(predicted).toEqual(expected.map((line) => line.digit));
  const scores = results['digit.scores']?.data as Float32Array;
  expected.forEach((line, i) => {
    const told = line.digit_scores as number[];
    told.forEach((score, k) => {
      expect(scores[i * 10 + k]).toBeCloseTo(score, 4);
    });
  });
  await session.release();
});

test('a plan has the same bytes on every machine', async () => {
  mkdirSync(join(folder, 'elsewhere'));
  cpSync(model, join(folder, 'elsewhere', 'tiny.pcn'));
  const [here, again, there] = await Promise.all([
    nmc(['compile', model, '-o', 'a.plan', '--json'], { cwd: folder }),
    nmc(['compile', 'tiny.pcn', 'il', '-o', 'b.plan'], { cwd: folder }),
    nmc(['compile', 'tiny.pcn', '-o', 'c.plan'], { cwd: join(folder, 'elsewhere') }),
  ]);
  expect([here.code, again.code, there.code]).toEqual([0, 0, 0]);
  const plan = hashes(join(folder, 'a.plan'));
  expect(Object.keys(plan)).toEqual(
    expect.arrayContaining(['plan.json', 'cpu/train.onnx', 'cpu/predict.classify.onnx']),
  );
  expect(jsonLines(here)).toMatchObject([{ event: 'compiled', out: 'a.plan', sha256: plan['plan.json'], shards: 1 }]);
  expect(hashes(join(folder, 'b.plan'))).toEqual(plan);
  expect(hashes(join(folder, 'elsewhere', 'c.plan'))).toEqual(plan);
  const shown = await nmc(['show', 'a.plan'], { cwd: folder });
  expect(shown.stdout).toContain('check accuracy(classify.digit, data.glyphs.test.digit) >= 0');
  const text = readFileSync(join(folder, 'a.plan', 'plan.json'), 'utf8');
  expect(text).not.toContain(folder);
});

describe('a mistake is refused with exit code 2 and a message:', () => {
  test.each([
    ['no such file', () => 'nowhere.npy', 'nowhere.npy'],
    [
      'a picture of another size',
      () =>
        write(
          'small.png',
          greyPng(9, 9, () => 0),
        ),
      '28',
    ],
    ['a torn file', () => write('torn.npy', npy('|u1', [COUNT, 28, 28], images).subarray(0, 5000)), 'torn.npy'],
    ['another shape', () => write('shape.npy', npy('|u1', [3, 5], new Uint8Array(15))), '28'],
    [
      'no field of the name',
      () =>
        write(
          'names.npz',
          npz({ pixels: npy('|u1', [1, 3], new Uint8Array(3)), more: npy('|u1', [1, 3], new Uint8Array(3)) }),
        ),
      'image',
    ],
    ['a text', () => write('notes.txt', 'hello'), 'notes.txt'],
    ['an empty file', () => write('empty.csv', ''), 'empty.csv'],
  ])('%s', async (_name, make, words) => {
    const input = make();
    const outcome = await nmc(['predict', 'run', '--input', input, '--json'], { cwd: folder });
    expect(outcome.code).toBe(2);
    const [line, ...rest] = jsonLines(outcome);
    expect(rest).toEqual([]);
    expect(line).toMatchObject({ event: 'error' });
    expect(String(line?.message) + outcome.stderr).toContain(words);
  });

  test('an input beside a picture of the data', async () => {
    const outcome = await nmc(['predict', 'run', '--input', 'images.npy', '--png', 'p.png'], { cwd: folder });
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain('does not use --input');
  });

  test('a run that lacks one of its own files', async () => {
    const part = async (name: string, gone: string, command: readonly string[]): Promise<string> => {
      cpSync(join(folder, 'run'), join(folder, name), { recursive: true });
      rmSync(join(folder, name, gone), { recursive: true });
      const outcome = await nmc(command, { cwd: folder });
      expect(outcome).toMatchObject({ code: 2, stdout: '' });
      return outcome.stderr;
    };
    const [noPlan, noWeights, noRun] = await Promise.all([
      part('planless', 'plan', ['predict', 'planless', '--input', 'images.npy']),
      part('empty', 'model.safetensors', ['serve', '--run', 'empty', '--port', '0']),
      nmc(['export', 'nowhere', '--onnx', 'no.onnx'], { cwd: folder }),
    ]);
    expect(noPlan).toContain('copy the whole folder of the run again');
    expect(noWeights).toContain('error[weights/missing]');
    expect(noRun).toMatchObject({ code: 2, stderr: expect.stringContaining('error[run/not-a-run]') });
  });

  test('a task that does not exist', async () => {
    const outcome = await nmc(['predict', 'run', '--input', 'images.npy', '--task', 'clasify'], { cwd: folder });
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain('did you mean classify?');
  });
});

describe('tasks of another file, with the weights of this run,', () => {
  const tasks = `
predict other of tiny {
  clamp pixels = standardize(input.image)
  read digit = argmax(label)
  read cost  = energy(h) + energy(label)
}

check accuracy(other.digit, data.glyphs.test.digit) >= 0
check accuracy(other.digit, data.glyphs.test.digit) > 1
`;
  /** The tiny model with other tasks, after some edits. */
  const other = (name: string, ...edits: [from: string, to: string][]): string => {
    const whole = tinyModel();
    const text = edits.reduce(
      (all, [from, to]) => {
        expect(all).toContain(from);
        return all.replace(from, to);
      },
      whole.slice(0, whole.indexOf('train il')) + tasks,
    );
    return write(name, text);
  };

  test('predict as its own tasks do, and read what those did not', async () => {
    const model = other('other.pcn');
    const outcome = await nmc(['predict', 'run', '--model', model, '--input', 'images.npy', '--json'], { cwd: folder });
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    const lines = jsonLines(outcome);
    expect(lines.map(({ cost: _, ...line }) => line)).toEqual(expected);
    // Nothing below a clamp is free: every node is its prediction.
    expect(lines.map((line) => line.cost)).toEqual(lines.map(() => 0));
  });

  test('are exported and served as its own tasks are', async () => {
    const model = other('other.pcn');
    const exported = await nmc(['export', 'run', '--model', model, '--onnx', 'other.onnx', '--json'], { cwd: folder });
    expect(exported).toMatchObject({ code: 0, stderr: '' });
    expect(jsonLines(exported)[0]).toMatchObject({ batch: 'any', outputs: [{ name: 'digit' }, {}, { name: 'cost' }] });
    const stop = (child: ChildProcess): boolean => child.kill('SIGINT');
    let answer: unknown;
    let asked: Promise<unknown> | undefined;
    const served = await nmc(['serve', '--run', 'run', '--model', model, '--port', '0', '--json'], {
      cwd: folder,
      onLine: (line, child) => {
        const { address, tasks } = JSON.parse(line) as { address: string; tasks: string[] };
        expect(tasks).toEqual(['other']);
        const image = Array.from({ length: 28 }, () => Array.from({ length: 28 }, () => 7));
        const body = JSON.stringify({ image });
        const headers = { 'content-type': 'application/json' };
        asked = fetch(`${address}/predict`, { method: 'POST', body, headers })
          .then(async (found) => {
            answer = await found.json();
          })
          .finally(() => stop(child));
      },
    });
    await asked;
    expect(served.code).toBe(0);
    expect(answer).toMatchObject({ cost: 0 });
  });

  test('are refused for a mesh, which is served by its own tasks only', async () => {
    const outcome = await nmc(['serve', '--mesh', '127.0.0.1:1', '--model', 'other.pcn'], { cwd: folder });
    expect(outcome).toMatchObject({ code: 2 });
    expect(outcome.stderr).toContain('--model works only with a run folder');
  });

  test('give nmc eval their checks', async () => {
    const model = other('other.pcn');
    const outcome = await nmc(['eval', 'run', '--model', model, '--limit', '50', '--json'], { cwd: folder });
    expect(outcome).toMatchObject({ code: 1, stderr: '' });
    expect(jsonLines(outcome)[0]).toMatchObject({ checks: [{ pass: true }, { pass: false }] });
  });

  test.each<[string, [string, string][], string]>([
    ['other sizes', [['hidden: int = 12', 'hidden: int = 13']], 'node h has another shape or kind'],
    ['another energy', [['nodes.gaussian()', 'nodes.gaussian(precision = 2)']], 'node h has another energy'],
    ['another link', [['after = tanh', 'after = relu']], 'link pixels->h has another body'],
    ['a link less', [['  link h -> label  = links.dense()\n', '']], 'link h->label is missing'],
    [
      'another name',
      [
        ['model tiny', 'model small'],
        ['of tiny', 'of small'],
        ['  node  h: ', '  node  g: '],
        ['-> h =', '-> g ='],
        ['link h', 'link g'],
        ['energy(h)', 'energy(g)'],
      ],
      'node h is missing',
    ],
    [
      'what was never standardized',
      [
        ['standardize(input.image)', 'standardize(input.other)'],
        ['of tiny {\n  clamp', 'of tiny on data.file("x.npz", other = u8[28, 28]) {\n  clamp'],
        ['check accuracy(other.digit, data.glyphs.test.digit) >= 0\n', ''],
        ['check accuracy(other.digit, data.glyphs.test.digit) > 1\n', ''],
      ],
      'standardizes other',
    ],
  ])('are refused by name for %s', async (_, edits, words) => {
    const model = other('changed.pcn', ...edits);
    const outcome = await nmc(['predict', 'run', '--model', model, '--input', 'images.npy'], { cwd: folder });
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain('error[model/differs]');
    expect(outcome.stderr).toContain(words);
  });
});
