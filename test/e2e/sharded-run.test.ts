/** A run that was trained in shards is used as any other: predicted, exported and served, whatever the number of samples. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { beforeAll, expect, test } from 'vitest';
import { jsonLines, nmc, temporaryFolder, writeTiny } from '../support/nmc.ts';

const COUNT = 70;
const folder = temporaryFolder();
const model = writeTiny(folder);
/** Of one sample: numbers that depend on it alone. */
const imageOf = (sample: number): number[] => Array.from({ length: 784 }, (_, i) => (sample * 37 + i * 13) % 256);
const images = Array.from({ length: COUNT }, (_, sample) => imageOf(sample));

interface Predicted {
  readonly digit: number;
  readonly digit_scores: readonly number[];
}

async function predict(count: number): Promise<Predicted[]> {
  const input = images.slice(0, count).map((image) => JSON.stringify({ image }));
  const outcome = await nmc(['predict', 'run', '--input', '-', '--json'], { cwd: folder, input: input.join('\n') });
  expect(outcome).toMatchObject({ code: 0, stderr: '' });
  return jsonLines(outcome) as unknown as Predicted[];
}

let all: readonly Predicted[] = [];

beforeAll(async () => {
  const settings = ['--limit', '64', '--shards', '2', '--out', 'run', '--json'];
  const trained = await nmc(['train', model, ...settings], { cwd: folder });
  expect(trained.code, trained.stderr).toBe(0);
  all = await predict(COUNT);
  expect(all).toHaveLength(COUNT);
}, 60_000);

function expectAlike(found: readonly Predicted[]): void {
  found.forEach(({ digit, digit_scores }, i) => {
    expect(digit).toBe(all[i]?.digit);
    digit_scores.forEach((score, k) => {
      expect(score).toBeCloseTo(all[i]?.digit_scores[k] ?? Number.NaN, 5);
    });
  });
}

test('few samples are predicted as they are among many', async () => {
  for (const count of [1, 3]) expectAlike(await predict(count));
});

test('a run in shards is exported as one network, and predicts the same for any number of samples', async () => {
  const exported = await nmc(['export', 'run', '--onnx', 'run.onnx', '--json'], { cwd: folder });
  expect(exported).toMatchObject({ code: 0, stderr: '' });
  expect(jsonLines(exported)).toMatchObject([{ batch: 'any' }]);
  const session = await ort.InferenceSession.create(readFileSync(join(folder, 'run.onnx')));
  for (const count of [1, 3, COUNT]) {
    const bytes = Uint8Array.from(images.slice(0, count).flat());
    const found = await session.run({ image: new ort.Tensor('uint8', bytes, [count, 28, 28]) });
    const [scores, chosen] = ['digit.scores', 'digit'].map((name) => found[name]?.data as Float32Array);
    expect([...(chosen ?? [])]).toEqual(all.slice(0, count).map((line) => line.digit));
    scores?.forEach((score, i) => {
      expect(score).toBeCloseTo(all[Math.floor(i / 10)]?.digit_scores[i % 10] ?? Number.NaN, 4);
    });
  }
  await session.release();
});

test('requests of different sizes that are served at once are answered as they are one by one', async () => {
  const sizes = [1, 9, COUNT, 3, 1];
  let answers: Promise<Predicted[][]> | undefined;
  const served = await nmc(['serve', '--run', 'run', '--port', '0', '--json'], {
    cwd: folder,
    onLine: (line, child) => {
      const { address } = JSON.parse(line) as { address: string };
      const ask = async (count: number): Promise<Predicted[]> => {
        const body = JSON.stringify(images.slice(0, count).map((image) => ({ image })));
        const headers = { 'content-type': 'application/json' };
        const response = await fetch(`${address}/predict`, { method: 'POST', body, headers });
        return (await response.json()) as Predicted[];
      };
      answers = Promise.all(sizes.map(ask)).finally(() => child.kill('SIGINT'));
    },
  });
  const found = await answers;
  expect(served).toMatchObject({ code: 0, stderr: '' });
  expect(found?.map((rows) => rows.length)).toEqual(sizes);
  for (const rows of found ?? []) expectAlike(rows);
});

test('a training in shards that diverges says so as one in a single shard does', async () => {
  const steep = readFileSync(model, 'utf8').replace(
    'learn.il(steps = 3, rate = 0.1)',
    'learn.il(steps = 3, rate = 1e30)',
  );
  writeFileSync(join(folder, 'steep.pcn'), steep);
  for (const shards of [[], ['--shards', '2']]) {
    const out = `steep${shards.length}`;
    const trained = await nmc(['train', 'steep.pcn', '--limit', '64', ...shards, '--out', out], { cwd: folder });
    expect(trained).toMatchObject({ code: 2, stderr: expect.stringContaining('error[energy/not-finite]') });
  }
});
