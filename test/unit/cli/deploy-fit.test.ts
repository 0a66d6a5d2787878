/** How many shards a run gets without `--partition`, and what is refused because it fits nowhere. */
import { expect, test } from 'vitest';
import { countMemory } from '../../../compiler/5-program/cost.ts';
import { buildStages, checkModel, requireTask, selectTask } from '../../../runtime/cli/compiling/compile-model.ts';
import { assertPlanFits } from '../../../runtime/cli/mesh/deploy-fit.ts';
import { BY_LOSS, chooseCodec, rateOf, WORTH } from '../../../runtime/cli/planning/choose-codec.ts';
import { chooseShards, fittingShards } from '../../../runtime/cli/planning/choose-shards.ts';
import type { RatedTrainer } from '../../../runtime/cli/planning/predict-rate.ts';
import { rated } from '../../../runtime/cli/planning/rated-shard.ts';
import { neededMemory } from '../../../runtime/net/needed-memory.ts';
import { wholeSchedule } from '../../../runtime/shard/whole.ts';
import type { BorderCodec } from '../../../runtime/wire/codec.ts';
import type { Costs } from '../../../spec/costs.ts';
import { builtPlan } from '../../support/built-plans.ts';
import { temporaryFolder, writeTiny } from '../../support/nmc.ts';

const path = writeTiny(temporaryFolder(), { batch: 64 });
const args = { set: ['hidden=400'], batch: undefined, epochs: undefined, seed: undefined, data: [] };
const model = checkModel(path, args);
const selected = requireTask(selectTask(model, 'il', args), path);
const staged = { ...buildStages(selected), task: selected.task };

const COSTS: Costs = {
  ...{ call: 1e-5, value: 1e-6, valueByte: 0, operation: 1e-6, byte: 1e-10, flop: 1e-9, stateByte: 0, frame: 1e-5 },
  ...{ frameByte: 1e-9, speedup: 1 },
};

/** Bytes of frames that may wait for the record of a small shard. */
const RECORDED = 2 * 2 ** 20;

/** On machines of their own. @param roundTrip milliseconds to the synchronizer */
function trainers(count: number, roundTrip: number, memory = 1e9): RatedTrainer[] {
  const capability = { cores: 1, memory, rate: 1e9, upload: 0, download: 0, costs: COSTS, roundTrip };
  return Array.from({ length: count }, (_, i) => ({
    ...{ key: `k${i}`, name: `t${i}` },
    capability: { ...capability, machine: `m${i}` },
  }));
}

test('the number of shards is the one that trains fastest: one where links are slow, more where they are fast', () => {
  expect(chooseShards(staged, trainers(3, 100), { codec: 'f32' })?.shards).toBe(1);
  const near = chooseShards(staged, trainers(3, 0.01), { codec: 'f32' });
  expect(near?.shards).toBeGreaterThan(1);
  const alone = chooseShards(staged, trainers(1, 0.01), { codec: 'f32' });
  expect(alone?.shards).toBe(1);
  expect(near?.batchesPerSecond ?? 0).toBeGreaterThan(alone?.batchesPerSecond ?? Number.POSITIVE_INFINITY);
});

test('one shard is chosen where nothing is measured, more where one does not fit, and none where nothing fits', () => {
  const unmeasured = trainers(2, 1).map((t) => ({ ...t, capability: { ...t.capability, rate: 0 } }));
  expect(chooseShards(staged, unmeasured, { codec: 'f32' })).toEqual({ shards: 1 });
  const { program } = staged;
  const shard = { states: program.states, schedule: wholeSchedule(program), memory: countMemory(program) };
  const [whole = 0] = neededMemory({ shards: [shard], batch: 64, sends: [{ sends: [] }] });
  // Of which each shard has a part, and all have what a trainer holds whatever it trains.
  const [beside = 0] = neededMemory({
    shards: [{ ...shard, states: [], memory: 0 }],
    batch: 64,
    sends: [{ sends: [] }],
  });
  expect(whole).toBeGreaterThan(beside + shard.memory);
  const lent = (whole + beside) / 2 + RECORDED;
  expect(chooseShards(staged, trainers(4, 100, lent), { codec: 'f32' })?.shards).toBeGreaterThan(1);
  expect(chooseShards(staged, trainers(4, 100, 1000), { codec: 'f32' })).toBeUndefined();
  expect(fittingShards(staged, trainers(2, 1, 1000), 1)).toBeUndefined();
});

test('a run that can never fit is refused with what would make it fit', () => {
  const shard = { ...{ id: 0, nodes: [], parameters: [], parameterCount: 0, flopsPerBatch: 1 }, program: '', cpu: [] };
  const plan = (...megabytes: number[]) =>
    ({ model: 'tiny', shards: megabytes.map((m) => ({ ...shard, memory: m * 2 ** 20 })) }) as unknown as Parameters<
      typeof assertPlanFits
    >[0];
  const lend = (count: number, megabytes: number): RatedTrainer[] => trainers(count, 1, megabytes * 2 ** 20);
  const failure = (act: () => void): unknown => {
    try {
      act();
      return undefined;
    } catch (error) {
      return error;
    }
  };
  expect(failure(() => assertPlanFits(plan(30), lend(2, 20), () => 3))).toMatchObject({
    code: 'deploy/memory',
    message: expect.stringMatching(/largest shard needs 30 MiB, and t0 lends most of the 2 trainers, 20 MiB/),
    repair: expect.stringMatching(/--partition 3 fits; let a trainer with 30 MiB join/),
  });
  expect(failure(() => assertPlanFits(plan(15, 15, 15), lend(2, 20)))).toMatchObject({
    message: expect.stringMatching(/its 3 shards need 45 MiB together, and what 2 trainers lend, 40 MiB/),
    repair: expect.stringMatching(/^let another trainer with 15 MiB join/),
  });
  expect(failure(() => assertPlanFits(plan(15, 15), lend(2, 20)))).toBeUndefined();
  // A mesh without trainers may get some.
  expect(failure(() => assertPlanFits(plan(30), []))).toBeUndefined();
});

test('borders send all bits where links have room, and fewer where an uplink has none', () => {
  const divided = (builtPlan(staged, { shards: 2 }).shards ?? []).map(rated);
  const [wide, narrow] = [0, 2e5].map((upload) =>
    trainers(2, 0.01).map((t) => ({ ...t, capability: { ...t.capability, upload } })),
  );
  expect(chooseCodec(divided, wide ?? [], ['k0', 'k1'], false)).toBe('f32');
  expect(chooseCodec(divided, narrow ?? [], ['k0', 'k1'], false)).toBe('int8');
  expect(chooseCodec(divided, narrow ?? [], ['k0', 'k1'], true)).toBe('f32');
});

test.each([0, 2e5, 1e6, 4e6, 1.6e7])('auto takes none that is worse than f16, at %d bytes a second', (upload) => {
  const divided = (builtPlan(staged, { shards: 2 }).shards ?? []).map(rated);
  const lent = trainers(2, 0.01).map((t) => ({ ...t, capability: { ...t.capability, upload } }));
  const rate = (codec: BorderCodec): number => rateOf(codec, divided, lent, ['k0', 'k1']) ?? Number.NaN;
  const chosen = chooseCodec(divided, lent, ['k0', 'k1'], false);
  expect(BY_LOSS).toContain(chosen);
  for (const codec of [...BY_LOSS, 'f16'] as const) expect(rate(codec)).toBeLessThanOrEqual(WORTH * rate(chosen));
});
