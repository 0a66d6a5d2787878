/** Numbers that are none: what `nmc predict` and a server say of them, on every device. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { jsonLines, nmc, temporaryFolder } from '../support/nmc.ts';
import { startPredictionServer, type TestServer } from '../support/prediction-server.ts';
import { softwareVulkanEnvironment } from '../support/software-vulkan.ts';

const folder = temporaryFolder();
const MODEL = `pcn 1
import std/nodes
import std/links
import std/learn
import std/data

model m {
  sense x: f32[1]
  node  y: f32[1] = nodes.gaussian()
  link x -> y = links.dense()
}

train il of m on data.file("d.csv", x = f32[1]) {
  clamp x = sample.x
  clamp y = 0
  method    = learn.il(steps = 1, rate = 0.1)
  optimizer = learn.sgd(rate = 0.01)
  batch     = 2
  epochs    = 1
}

predict sort of m {
  clamp x = input.x
  read sign = argmax(concatenate([y, 0 - y], axis = 0))
}

predict p of m {
  clamp x = input.x
  read root = input.x ^ 0.3
  read log  = log(input.x)
  read relu = relu(log(input.x))
  read max  = max(sqrt(input.x), 0)
}
`;

beforeAll(async () => {
  writeFileSync(join(folder, 'm.pcn'), MODEL);
  writeFileSync(join(folder, 'd.csv'), 'x[0]\n1\n2\n');
  writeFileSync(join(folder, 'in.csv'), 'x[0]\n-8\n0\n4\n');
  const trained = await nmc(['train', 'm.pcn', '--out', 'run', '--json'], { cwd: folder });
  expect(trained.code, trained.stderr).toBe(0);
});

test.each(['reference', 'cpu', 'webgpu'])(
  'predictions on %s are null where the result is not a number',
  async (device) => {
    const env = await softwareVulkanEnvironment();
    const found = await nmc(['predict', 'run', '--task', 'p', '--input', 'in.csv', '--device', device, '--json'], {
      cwd: folder,
      env,
    });
    expect(found.code).toBe(0);
    const [negative, zero, four] = jsonLines(found);
    expect(negative).toEqual({ input: '1', root: [null], log: [null], relu: [null], max: [null] });
    expect(zero).toEqual({ input: '2', root: [0], log: [null], relu: [0], max: [0] });
    expect(four?.max).toEqual([2]);
    expect(found.stderr).toContain('2 of 3 predictions are not finite, the first in root of 1');
  },
);

test("an exported prediction is not a number where the run's own prediction is not", async () => {
  const exported = await nmc(['export', 'run', '--task', 'p', '--onnx', 'p.onnx', '--json'], { cwd: folder });
  expect(exported).toMatchObject({ code: 0, stderr: '' });
  expect(jsonLines(exported)[0]?.largestDifference).toBeLessThan(1e-4);
});

describe('a run whose weights are not finite', () => {
  beforeAll(async () => {
    cpSync(join(folder, 'run'), join(folder, 'diverged'), { recursive: true });
    const file = join(folder, 'diverged', 'model.safetensors');
    const bytes = readFileSync(file);
    // All numbers behind the header.
    for (let at = 8 + Number(bytes.readBigUInt64LE(0)); at < bytes.length; at += 4) bytes.writeFloatLE(Number.NaN, at);
    writeFileSync(file, bytes);
  });

  test('predicts null for a class and for its scores', async () => {
    const outcome = await nmc(['predict', 'diverged', '--task', 'sort', '--input', 'in.csv', '--json'], {
      cwd: folder,
    });
    expect(outcome.code).toBe(0);
    expect(jsonLines(outcome)[0]).toEqual({ input: '1', sign: null, sign_scores: [null, null] });
    expect(outcome.stderr).toContain('3 of 3 predictions are not finite');
  });

  test('cannot be exported', async () => {
    const outcome = await nmc(['export', 'diverged', '--task', 'sort', '--onnx', 'no.onnx'], { cwd: folder });
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain('error[weights/not-finite]');
  });
});

let server: TestServer | undefined;
afterEach(() => server?.close());

test('a server refuses an answer that is not finite, and names its sample and its read', async () => {
  server = await startPredictionServer({ answer: Math.log });
  const post = async (body: unknown): Promise<unknown> => {
    const headers = { 'content-type': 'application/json' };
    const url = `http://127.0.0.1:${server?.port}/predict`;
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: response.status, ...((await response.json()) as object) };
  };
  const refused = { code: 'predict/not-finite', message: 'the prediction is not finite: y has no finite value' };
  expect(await post({ x: [-1] })).toMatchObject({ status: 422, error: refused });
  const second = { ...refused, message: 'the prediction of sample 2 is not finite: y has no finite value' };
  expect(await post([{ x: [1] }, { x: [0] }])).toMatchObject({ status: 422, error: second });
  expect(await post({ x: [1] })).toEqual({ status: 200, y: [0] });
});
