/** Plans whose compiled forms do something else than their program: real commands, and what a trainer opens. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lowerToCpu } from '../../../compiler/7-kernels/onnx/lower.ts';
import { openShardPlan } from '../../../runtime/cli/mesh/open-shard-plan.ts';
import { cpuDevice } from '../../../runtime/device/cpu/cpu.ts';
import { parseProgram } from '../../../spec/program-text.ts';
import { nmc, writeTiny } from '../../support/nmc.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { changePlan, forge } from '../../unit/plan/make-plan.ts';

const folder = mkdtempSync(join(tmpdir(), 'nmc-foreign-'));
const plan = join(folder, 'run', 'plan');
const input = `${JSON.stringify({ image: Array.from({ length: 28 }, (_, i) => new Array(28).fill(9 * i)) })}\n`;
let honest = '';

beforeAll(async () => {
  writeTiny(folder, { epochs: 1 });
  await nmc(['train', 'tiny.pcn', '--limit', '64', '--out', 'run', '--json'], { cwd: folder });
  honest = (await predicted()).stdout;
  expect(JSON.parse(honest)).toHaveProperty('digit');
  // The same inputs and outputs, and another function between them.
  const text = readFileSync(join(plan, 'shards/0/program.txt'), 'utf8');
  const other = lowerToCpu(parseProgram(text.replaceAll('= tanh(', '= exp(')));
  for (const name of ['cpu/predict.classify.onnx', 'cpu/train.onnx'])
    forge(plan, name, other.get(name) ?? new Uint8Array(0));
}, 60_000);
afterAll(() => removeFolder(folder));

const predicted = (samples = 1) =>
  nmc(['predict', 'run', '--input', '-', '--json'], { cwd: folder, input: input.repeat(samples) });

test('nmc predict refuses another graph under the name of this compiler, and says why', async () => {
  const { code, stdout } = await predicted(256);
  expect([code, JSON.parse(stdout).code]).toEqual([2, 'plan/kernels']);
}, 60_000);

test('nmc predict runs no graph of a plan: it predicts a few samples by its own lowering of the program', async () => {
  const { code, stdout } = await predicted();
  expect([code, stdout]).toEqual([0, honest]);
}, 60_000);

test('a trainer refuses another graph under the name of this compiler, too', async () => {
  const names = readdirSync(plan, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const files = new Map(
    names.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(plan.length + 1), new Uint8Array(readFileSync(path))] as const;
    }),
  );
  const opened = await openShardPlan(cpuDevice)(files, 0);
  await expect(opened.lower()).rejects.toMatchObject({ code: 'plan/kernels' });
});

test('a graph under the name of another compiler is not run, and the program is', async () => {
  changePlan(plan, (found) => ({ ...found, compiler: 'nmc 9.9.9' }));
  // Nothing that could be loaded at all.
  forge(plan, 'cpu/predict.classify.json', 'no description');
  const { code, stdout } = await predicted();
  expect([code, stdout]).toEqual([0, honest]);
}, 60_000);
