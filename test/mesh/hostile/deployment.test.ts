/** Mistakes of a deployment are told before a byte of it is fetched, written or made room for. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import { BlobAssembly } from '../../../runtime/net/blob-assembly.ts';
import { fetchPlan } from '../../../runtime/net/fetch-plan.ts';
import { readDeployment } from '../../../runtime/net/read-deployment.ts';
import { MemoryLedger, mostPartBytes, planNeeds, sumOfNeeds } from '../../../runtime/net/shard-memory.ts';
import { wholeSchedule } from '../../../runtime/shard/whole.ts';
import { boundedCount } from '../../../runtime/support/bounded.ts';
import type { DataRef, Deployment } from '../../../runtime/wire/deployment.ts';
import { deploymentProblem } from '../../../runtime/wire/deployment-problem.ts';
import { parseProgram } from '../../../spec/program-text.ts';
import { tinyDeployment, tinyPart, withFile } from './tiny-deployment.ts';

const made = tinyDeployment();
const { deployment } = made;
const changed = (change: Partial<Deployment>): Deployment => ({ ...deployment, ...change });
const [image] = deployment.train.columns;
if (!image) throw new Error('it reads no column');
const trained = (change: Partial<DataRef>): Deployment => changed({ train: { ...deployment.train, ...change } });
const first = image.blobs[0] ?? deployment.plan[0];
if (!first) throw new Error('it has no blob');
const twice = [...deployment.plan, ...deployment.plan.slice(1, 2)];

test('a deployment of our own compiler is sound', () => {
  expect(deploymentProblem(deployment)).toBeUndefined();
});

test.each([
  ['nothing', undefined],
  ['another run', changed({ run: '../up' })],
  ['a run that is a device', changed({ run: 'con' })],
  ['a file above its folder', withFile(made, '../../x').deployment],
  ['a file twice', changed({ plan: twice })],
  ['a file twice for some systems', withFile(made, (deployment.plan[1]?.path ?? '').toUpperCase()).deployment],
  ['a file below a file', withFile(made, 'plan.json/x').deployment],
  ['no plan.json in front', changed({ plan: deployment.plan.slice(1) })],
  ['needs of no shard', changed({ needs: [] })],
  ['no evaluations', changed({ evaluations: [] })],
  ['fewer rows than blobs', trained({ length: deployment.train.length - 1 })],
  ['more rows than blobs', trained({ length: 2 ** 30 })],
  [
    'more elements than a number can count',
    trained({ length: 2 ** 39, columns: [{ ...image, shape: [2 ** 30, 2 ** 30] }] }),
  ],
  ['rows without columns', trained({ length: 2 ** 39, columns: [] })],
  ['a column twice', trained({ columns: [image, image] })],
  ['two sizes of a blob', changed({ statistics: [{ field: 'image', mean: { ...first, bytes: 4 }, scale: 1 }] })],
  ['plan files without end', changed({ plan: deployment.plan.map((f) => ({ ...f, bytes: 2 ** 31 })) })],
])('a deployment is refused with %s', (_, value) => {
  expect(deploymentProblem(value)).toEqual(expect.any(String));
});

test('any value that comes as a deployment is accepted or refused in words, and never throws', () => {
  fc.assert(
    fc.property(fc.anything({ maxDepth: 3 }), fc.constantFrom(...Object.keys(deployment)), (value, key) => {
      const problem = deploymentProblem({ ...deployment, [key]: value });
      expect(['string', 'undefined']).toContain(typeof problem);
    }),
    { seed: 1, numRuns: 500 },
  );
  const bytes = new TextEncoder().encode(JSON.stringify(deployment));
  expect(() => readDeployment(bytes, 'other-run')).toThrow('not sound');
  expect(() => readDeployment(Uint8Array.of(0xff), deployment.run)).toThrow('not JSON');
  expect(readDeployment(bytes, deployment.run)).toEqual(deployment);
});

describe('memory', () => {
  const file = deployment.plan.find((f) => f.path.endsWith('program.txt'));
  const program = parseProgram(new TextDecoder().decode(made.blobs.get(file?.blob ?? '')));
  const opened = { schedule: wholeSchedule(program), states: program.states, memory: 1000 };
  const lower = () => Promise.resolve({ program, files: new Map<string, Uint8Array>() });
  const fetching = (record: Deployment, most: number) => {
    const fetched: string[] = [];
    const ledger = new MemoryLedger(most);
    const blob = async (hash: string, bytes: number): Promise<Uint8Array> => {
      fetched.push(hash);
      return new Uint8Array(bytes);
    };
    const openPlan = () => Promise.resolve({ ...opened, lower });
    const at = { run: record.run, shard: 0 };
    return { fetched, ledger, at, done: fetchPlan(at, record, { ledger, blob, openPlan, device: referenceDevice }) };
  };

  test('is counted 800 times for a blob that is named 800 times', async () => {
    const often = trained({
      length: 800 * deployment.train.length,
      columns: deployment.train.columns.map((c) => ({
        ...c,
        blobs: Array.from({ length: 800 }, () => c.blobs).flat(),
      })),
    });
    expect(deploymentProblem(often)).toBeUndefined();
    expect(800 * deployment.train.length * 784).toBeGreaterThan(20e6);
    const { fetched, done } = fetching(often, 20e6);
    await expect(done).rejects.toThrow(/columns of the training data \d+ MiB.*--max-memory allows 19 MiB/);
    // Its plan is there, of its data nothing.
    expect(fetched).toEqual(often.plan.map((f) => f.blob));
    await fetching(deployment, 20e6).done;
  });

  test('is counted before a plan is fetched, and one that is too large is not', async () => {
    const { fetched, done } = fetching(deployment, sumOfNeeds(planNeeds(deployment)) - 1);
    await expect(done).rejects.toThrow('the files of the plan');
    expect(fetched).toEqual([]);
  });

  test('is counted for all shards of a process together, and freed when they close', async () => {
    const { ledger, at, done } = fetching(deployment, Number.MAX_SAFE_INTEGER);
    await done;
    const one = ledger.bytes;
    const others = new MemoryLedger(one + 1);
    others.holdPlan({ run: 'other-1', shard: 0 }, deployment);
    expect(() => others.holdShard({ run: 'other-1', shard: 0 }, [{ what: 'data', bytes: one }])).toThrow(
      'other shards hold',
    );
    ledger.free(at);
    expect(ledger.bytes).toBe(0);
  });

  test('of a part of a snapshot is bounded by its states', () => {
    const part = tinyPart(made);
    expect(part.length).toBeLessThanOrEqual(mostPartBytes(program.states));
    expect(mostPartBytes(program.states)).toBeLessThan(8 * part.length);
  });
});

test('memory for a blob is reserved by its agreed length, not by the length that the sender says', () => {
  expect(() => boundedCount(2 ** 31, 100, 'a blob')).toThrow('a blob: 2147483648 is more than 100');
  for (const count of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60])
    expect(() => boundedCount(count, Number.POSITIVE_INFINITY, 'a size')).toThrow('a size');
  expect(new BlobAssembly('00', boundedCount(3, 3, 'a blob')).complete).toBe(false);
});
