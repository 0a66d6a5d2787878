/** `nmc serve`: the same predictions as `nmc predict`, mistakes named, newer weights taken up with no request lost. */
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { glyphs } from '../../runtime/data/sources/glyphs.ts';
import { jsonLines, nmc, type Outcome, temporaryFolder, writeTiny } from '../support/nmc.ts';

const COUNT = 20;
const folder = temporaryFolder();
const model = writeTiny(folder, { epochs: 1 });
const pictures = glyphs('test', { seed: 1 });
const samples = Array.from({ length: COUNT }, (_, i) => {
  const image = new Uint8Array(784);
  pictures.gather('image', [i], image);
  return { image: [...image] };
});

const JSON_BODY = { 'content-type': 'application/json' };

let address = '';
let server: ChildProcess | undefined;
let ended: Promise<Outcome> | undefined;

beforeAll(async () => {
  for (const [seed, out] of [
    ['1', 'run'],
    ['2', 'other'],
  ] as const) {
    const trained = await nmc(['train', model, '--limit', '160', '--seed', seed, '--out', out, '--json'], {
      cwd: folder,
    });
    expect(trained.code, trained.stderr).toBe(0);
  }
  await new Promise<void>((resolve, reject) => {
    ended = nmc(['serve', '--run', 'run', '--port', '0', '--json'], {
      cwd: folder,
      onStart: (child) => {
        server = child;
      },
      onLine: (line) => {
        address = (JSON.parse(line) as { address: string }).address;
        resolve();
      },
    });
    ended.then((outcome) => reject(new Error(`it has ended: ${outcome.stderr}`)), reject);
  });
}, 60_000);

afterAll(() => {
  server?.kill('SIGKILL');
});

async function post(path: string, body: unknown): Promise<{ status: number; weights: string | null; body: unknown }> {
  const response = await fetch(address + path, { method: 'POST', headers: JSON_BODY, body: JSON.stringify(body) });
  return { status: response.status, weights: response.headers.get('nmc-weights'), body: await response.json() };
}

async function predicted(run: string): Promise<unknown[]> {
  const input = samples.map((sample) => JSON.stringify(sample)).join('\n');
  const outcome = await nmc(['predict', run, '--input', '-', '--json'], { cwd: folder, input });
  return jsonLines(outcome).map(({ input: _name, ...row }) => row);
}

test('the server answers one sample, or many, as nmc predict does', async () => {
  const expected = await predicted('run');
  const all = await post('/predict', samples);
  expect(all).toMatchObject({ status: 200, body: expected });
  // Alone it runs in a batch of one, whose products may be added up in another order.
  const alone = await post('/predict/classify', samples[0]);
  const [first] = expected as { digit: number; digit_scores: number[] }[];
  const close = first?.digit_scores.map((score) => expect.closeTo(score, 6));
  expect(alone).toMatchObject({ status: 200, body: { digit: first?.digit, digit_scores: close } });
});

describe('a request that cannot be understood is refused with the reason', () => {
  test.each([
    ['no sample', '/predict', [], 400, 'holds no samples'],
    ['another field', '/predict', { picture: [1] }, 400, '`image` is missing'],
    ['a short field', '/predict', [samples[0], { image: [1, 2] }], 400, 'sample 2, `image`: 2 numbers, but 784'],
    ['a number', '/predict', [3], 400, 'sample 1 is not an object'],
    ['another task', '/predict/other', {}, 404, 'there is no POST /predict/other'],
  ])('%s', async (_name, path, body, status, words) => {
    const answer = await post(path, body);
    expect(answer.status).toBe(status);
    expect(JSON.stringify(answer.body)).toContain(words);
  });

  test('with a body that is not JSON', async () => {
    const response = await fetch(`${address}/predict`, { method: 'POST', headers: JSON_BODY, body: '{"image": [' });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('not JSON');
  });
});

test('the server says how it is, what it takes and what it has done', async () => {
  const health = await (await fetch(`${address}/healthz`)).json();
  expect(health).toMatchObject({ ok: true, model: 'tiny' });
  const api = (await (await fetch(`${address}/openapi.json`)).json()) as { openapi: string; paths: object };
  expect(api.openapi).toMatch(/^3\./);
  expect(Object.keys(api.paths).sort()).toEqual(['/healthz', '/metrics', '/predict', '/predict/classify']);
  const metrics = await (await fetch(`${address}/metrics`)).text();
  expect(metrics).toMatch(/nmc_predictions_total\{task="classify"\} [1-9]/);
  expect(metrics).toMatch(/nmc_requests_refused_total [1-9]/);
});

test('newer weights take over, and no request is lost', async () => {
  const [before, after] = [await predicted('run'), await predicted('other')];
  expect(before).not.toEqual(after);
  copyFileSync(join(folder, 'other/model.safetensors'), join(folder, 'run/next'));
  renameSync(join(folder, 'run/next'), join(folder, 'run/model.safetensors'));
  const versions = new Set<string | null>();
  for (let i = 0; i < 5000 && versions.size < 2; i++) {
    const answer = await post('/predict', samples);
    versions.add(answer.weights);
    expect(answer.status).toBe(200);
    expect([before, after]).toContainEqual(answer.body);
  }
  expect(versions.size).toBe(2);
  expect(await post('/predict', samples)).toMatchObject({ body: after });
  expect(await (await fetch(`${address}/healthz`)).json()).toMatchObject({ reloads: 1 });
});

test('SIGINT ends the server', async () => {
  server?.kill('SIGINT');
  expect(await ended).toMatchObject({ code: 0, signal: null });
});
