/** A dry run predicts from what trainers have measured: every piece of a shard's work counts. */
import { describe, expect, test } from 'vitest';
import { countWork } from '../../../compiler/5-program/cost.ts';
import { countBorders } from '../../../compiler/8-plan/borders.ts';
import { bordersText, placedBorders } from '../../../runtime/cli/mesh/placed-borders.ts';
import { predictPlaced, predictRate, type RatedTrainer } from '../../../runtime/cli/planning/predict-rate.ts';
import { batchWork, type RatedShard, rated, sampleBytes } from '../../../runtime/cli/planning/rated-shard.ts';
import { MAX_HELD_COLUMN_BYTES } from '../../../runtime/net/disk-columns.ts';
import { wholeSchedule } from '../../../runtime/shard/whole.ts';
import { type Costs, FREE, NEAR_BYTES, secondsOfFrame } from '../../../spec/costs.ts';
import type { OpOrigin } from '../../../spec/names.ts';
import type { ProgramFunction } from '../../../spec/program.ts';
import { compileText, splitTiled } from '../../support/shards.ts';
import { SMALL_SGD } from './small-model.ts';

const model = compileText(SMALL_SGD, 'il');
/** Two threads, which share nothing. */
const TWICE: Costs = { ...FREE, valueByte: 0, speedup: 2 };

const trainersWith = (costs: Partial<Costs>): RatedTrainer[] =>
  ['a', 'b'].map((key) => ({
    key,
    name: key,
    capability: {
      cores: 2,
      memory: 1e9,
      rate: 1e12,
      upload: 0,
      download: 0,
      machine: 'one',
      costs: { ...TWICE, ...costs },
    },
  }));

const whole = rated({ program: model.program, schedule: wholeSchedule(model.program) });
const halves = splitTiled(model, 2, 1).map(rated);

const FED = { id: 'given', field: 'given', type: 'f32' } as const;

/** Seconds of a batch. */
const alone = (costs: Partial<Costs>): number =>
  1 / (predictRate([whole], ['a'], trainersWith(costs))?.batchesPerSecond ?? Number.NaN);
const inTwo = (costs: Partial<Costs>): number =>
  1 / (predictRate(halves, ['a', 'b'], trainersWith(costs))?.batchesPerSecond ?? Number.NaN);

test('one shard costs a call, the values that are handed over, and the hash of its state', () => {
  const train = whole.work.get('train');
  expect(alone({ call: 1 })).toBeCloseTo(1);
  expect(alone({ value: 1 })).toBeCloseTo(train?.values ?? 0);
  expect(alone({ valueByte: 1 })).toBeCloseTo(train?.valueBytes ?? 0);
  expect(train?.valueBytes).toBe(4 * (8 * (4 + 2) + (model.program.functions[0]?.results.length ?? 0)));
  // Committed so seldom that it is one batch in 67: three in two hundred of the work.
  expect(alone({ stateByte: 1, call: 100 * whole.state })).toBeCloseTo(101 * whole.state);
  expect(alone({ stateByte: 1, call: whole.state })).toBeCloseTo((1 + 1 / 67) * whole.state);
  // Each thread makes all of them, on its share of the data.
  expect(alone({ operation: 1 })).toBeCloseTo(train?.operations ?? 0);
  expect(alone({ flop: 1, byte: 1 })).toBeCloseTo(((train?.flops ?? 0) + (train?.bytes ?? 0)) / 2);
});

test('a border exists between two shards', () => expect(halves.some((h) => h.schedule.messages.length > 1)).toBe(true));

test('frames between two shards cost their ends something each and by the byte', () => {
  const call = inTwo({ call: 1 });
  expect(inTwo({ call: 1, frame: 1 })).toBeGreaterThan(call + 2);
  expect(inTwo({ call: 1, frameByte: 1 })).toBeGreaterThan(call + 2 * 8 * 4);
});

test('two shards of one trainer cost each its runs with all around them, and each byte that is handed over', () => {
  const inOne = (costs: Partial<Costs>): number =>
    1 / (predictRate(halves, ['a', 'a'], trainersWith(costs))?.batchesPerSecond ?? Number.NaN);
  // A trainer of an earlier version does not say it: a run is a call.
  expect(inOne({ call: 1 })).toBeGreaterThan(2);
  expect(inOne({ call: 9, run: 1 })).toBeCloseTo(inOne({ call: 1 }));
  const bytes = countBorders(
    halves.map((h) => h.schedule),
    'train',
  ).flatMap((b) => b.flows.map((f) => 4 * f.valuesPerBatch));
  const handed = inOne({ handByte: 1 });
  expect(handed).toBeGreaterThanOrEqual(Math.max(...bytes));
  expect(handed).toBeLessThanOrEqual(bytes.reduce((sum, n) => sum + n, 0));
  expect(inOne({ frame: 1, frameByte: 1 })).toBeLessThan(1e-6);
});

test('programs of which all runs are short are computed in the thread of the sockets', () => {
  const inOne = (costs: Partial<Costs>): number =>
    1 / (predictRate(halves, ['a', 'a'], trainersWith(costs))?.batchesPerSecond ?? Number.NaN);
  expect(halves.every(({ short }) => short)).toBe(true);
  // One thread has both shards: their runs go one after the other.
  const both = predictRate(halves, ['a', 'a'], trainersWith({ run: 9, shortRun: 1 }));
  expect(1 / (both?.batchesPerSecond ?? Number.NaN)).toBeCloseTo(both?.processorSeconds ?? 0);
  expect(inOne({ run: 1 })).toBeLessThan(both?.processorSeconds ?? 0);
  expect(inTwo({ run: 9, shortRun: 1 })).toBeCloseTo(inTwo({ run: 1 }));
  expect(inTwo({ run: 9, shortRun: 1, value: 9, valueByte: 9 })).toBeCloseTo(inTwo({ run: 1 }));
  const long = halves.map((half) => ({ ...half, short: false }));
  const trainers = trainersWith({ run: 9, shortRun: 1 });
  expect(1 / (predictRate(long, ['a', 'b'], trainers)?.batchesPerSecond ?? 0)).toBeCloseTo(9 * inTwo({ run: 1 }));
});

test('both ends of a border sign after each call what went over it', () => {
  const signed = (costs: Partial<Costs>) => predictRate(halves, ['a', 'b'], trainersWith(costs))?.processorSeconds;
  expect(signed({ window: 1 })).toBeCloseTo(2);
  expect(predictRate(halves, ['a', 'a'], trainersWith({ window: 1 }))?.processorSeconds).toBeCloseTo(0);
});

test('processor time of a batch counts every frame and call once, whatever the delay', () => {
  const flows = countBorders(
    halves.map((h) => h.schedule),
    'train',
  ).flatMap((b) => b.flows);
  const frames = flows.reduce((sum, f) => sum + f.messagesPerBatch, 0);
  const inDelay = (roundTrip: number, places: readonly string[] = ['a', 'b']) => {
    const trainers = trainersWith({ frame: 1 }).map((t, i) => ({
      ...t,
      capability: { ...t.capability, roundTrip, place: places[i] ?? '' },
    }));
    return predictRate(halves, ['a', 'b'], trainers);
  };
  expect(inDelay(0)?.processorSeconds).toBeCloseTo(frames);
  expect(inDelay(60_000)?.processorSeconds).toBeCloseTo(frames);
  expect(inDelay(60_000)?.batchesPerSecond).toBeLessThan((inDelay(0)?.batchesPerSecond ?? 0) / 4);
  // Measured in one place, where it is the mesh's time to answer.
  expect(inDelay(60_000, ['a', 'a'])).toEqual(inDelay(0, ['a', 'a']));
});

test('a frame that takes longer than its work delays a batch, and one whose ends work at once does not', () => {
  const both = (costs: Partial<Costs>) => predictRate(halves, ['a', 'b'], trainersWith({ frame: 1, ...costs }));
  const plain = both({});
  const seconds = 1 / (plain?.batchesPerSecond ?? Number.NaN);
  for (const framePath of [2, 0.75, 0]) {
    const changed = both({ framePath });
    expect(changed?.processorSeconds).toBeCloseTo(plain?.processorSeconds ?? 0);
    const longer = 1 / (changed?.batchesPerSecond ?? Number.NaN) - seconds;
    if (framePath > 1) expect(longer).toBeGreaterThan(2 * (framePath - 1));
    else expect(longer).toBeLessThan(-0.1);
  }
  const byte = inTwo({ frame: 1, framePathByte: 1 });
  expect(byte).toBeGreaterThan(inTwo({ frame: 1 }) + 2 * 8 * 4);
});

test('a shard by itself on its trainer hands its runs, and the bytes of its frames, to a thread of its own', () => {
  const long = halves.map((half) => ({ ...half, short: false }));
  const of = (owners: readonly string[], costs: Partial<Costs>): number =>
    1 / (predictRate(long, owners, trainersWith(costs))?.batchesPerSecond ?? Number.NaN);
  expect(of(['a', 'b'], { run: 9, apartRun: 1 })).toBeCloseTo(of(['a', 'b'], { run: 1 }));
  expect(of(['a', 'a'], { run: 9, apartRun: 1 })).toBeCloseTo(of(['a', 'a'], { run: 9 }));
  expect(of(['a', 'b'], { frameByte: 1, apartByte: 2 })).toBeCloseTo(of(['a', 'b'], { frameByte: 3 }));
  expect(inTwo({ frameByte: 1, apartByte: 2 })).toBeCloseTo(inTwo({ frameByte: 1 }));
});

/** Of which every operation copies so many elements. */
function ofShape(f: ProgramFunction, elements: number): ProgramFunction {
  const blocks = f.blocks.map((block) => ({
    ...block,
    ops: block.ops.map((op) => ({ ...op, op: 'copy', args: [], shape: [elements] })),
  }));
  return { ...f, blocks };
}

test('bytes of values that no cache keeps cost more, by how much the machine says', () => {
  const far = { ...whole, work: new Map([...whole.work].map(([name, w]) => [name, { ...w, farBytes: w.bytes }])) };
  const seconds = (costs: Partial<Costs>, shard: RatedShard = far): number =>
    1 / (predictRate([shard], ['a'], trainersWith(costs))?.batchesPerSecond ?? Number.NaN);
  expect(seconds({ byte: 1, farByte: 2 })).toBeCloseTo(3 * seconds({ byte: 1 }));
  expect(seconds({ byte: 1, farByte: 2 }, whole)).toBeCloseTo(seconds({ byte: 1 }));
  const [train] = model.program.functions;
  const farOf = (elements: number): number | undefined =>
    train && countWork(model.program, ofShape(train, elements)).farBytes;
  expect(farOf(1e6)).toBeUndefined();
  expect(farOf(2e6)).toBe(8e6 * (whole.work.get('train')?.operations ?? 0));
});

test('bytes of a value or a frame beyond its first ones cost more', () => {
  const costs: Costs = { ...FREE, frameByte: 1, farFrameByte: 2 };
  expect(secondsOfFrame(NEAR_BYTES, costs)).toBe(NEAR_BYTES);
  expect(secondsOfFrame(NEAR_BYTES + 8, costs)).toBe(NEAR_BYTES + 3 * 8);
  const [train] = model.program.functions;
  const handed = (elements: number) =>
    train && countWork(model.program, { ...train, blocks: [], inputs: [{ ...FED, shape: [elements] }], results: [] });
  expect(handed(NEAR_BYTES / 4)).not.toHaveProperty('farValueBytes');
  expect(handed(NEAR_BYTES / 4 + 10)).toMatchObject({ valueBytes: NEAR_BYTES + 40, farValueBytes: 40 });
  const far = { ...whole, work: new Map([...whole.work].map(([name, w]) => [name, { ...w, farValueBytes: 40 }])) };
  const seconds = (shard: RatedShard): number =>
    1 / (predictRate([shard], ['a'], trainersWith({ call: 1, farValueByte: 2 }))?.batchesPerSecond ?? Number.NaN);
  expect(seconds(far)).toBeCloseTo(seconds(whole) + 80);
});

test('products that read large matrices cost their bytes in each part of a batch', () => {
  const [train] = model.program.functions;
  const product = (side: number) => {
    const op = { id: 'p', op: 'matmul', args: ['given', 'weights'], attributes: {}, shape: [64, side] };
    const block = {
      name: 'b',
      repeat: 2,
      firstTick: 0,
      scalars: [],
      carries: [],
      ops: [{ ...op, origin: 'matmul' as OpOrigin }],
    };
    const inputs = [
      { ...FED, shape: [64, side] },
      { ...FED, id: 'weights', shape: [side, side] },
    ];
    return train && countWork(model.program, { ...train, inputs, results: [], blocks: [block] });
  };
  expect(product(512)).not.toHaveProperty('readBytes');
  expect(product(1024)?.readBytes).toBe(2 * 4 * 1024 ** 2);
  const read = { ...whole, work: new Map([...whole.work].map(([name, w]) => [name, { ...w, readBytes: 40 }])) };
  expect(batchWork(read, { microbatches: 4 }).readBytes).toBe(4 * 40);
  const seconds = 1 / (predictRate([read], ['a'], trainersWith({ readByte: 1 }))?.batchesPerSecond ?? Number.NaN);
  expect(seconds).toBeCloseTo(40 / 2);
});

test('a product writes its values once, be its samples many or few', () => {
  const [train] = model.program.functions;
  const product = (samples: number) => {
    const op = { id: 'p', op: 'matmul', args: ['errors', 'given'], attributes: { ta: true }, shape: [100, 50] };
    const ops = [{ ...op, origin: 'matmul' as OpOrigin }];
    const block = { name: 'b', repeat: 3, firstTick: 0, scalars: [], carries: [], ops };
    const inputs = [
      { ...FED, id: 'errors', field: 'errors', shape: [samples, 100] },
      { ...FED, shape: [samples, 50] },
    ];
    return train && countWork(model.program, { ...train, inputs, results: [], blocks: [block] });
  };
  for (const samples of [1, 4, 16, 128])
    expect(product(samples)).toMatchObject({ flops: 3 * 2 * samples * 5000, bytes: 3 * 4 * 5000 });
});

test('processor time of one shard is that of all its threads', () => {
  const predicted = (costs: Partial<Costs>) => predictRate([whole], ['a'], trainersWith(costs));
  const { batchesPerSecond = 0, processorSeconds = 0 } = predicted({ flop: 1 }) ?? {};
  expect(processorSeconds).toBeCloseTo(2 / batchesPerSecond);
  // Calls and what is handed over are done by one.
  expect(predicted({ call: 1, valueByte: 1 })?.processorSeconds).toBeCloseTo(alone({ call: 1, valueByte: 1 }));
});

test('processor time of a batch is what it is spent on, piece by piece', () => {
  const costs = {
    ...{ shortRun: 2, value: 3, operation: 5, byte: 7, flop: 11, stateByte: 13, frame: 17, frameByte: 19, window: 23 },
    ...{ batch: 29, commit: 31, call: 37, valueByte: 41, sampleByte: 43 },
  };
  const sum = (pieces: object = {}): number => Object.values(pieces).reduce((all: number, one: number) => all + one, 0);
  const works = halves.map((half) => batchWork(half));
  const of = (count: (work: (typeof works)[number]) => number): number => works.reduce((all, w) => all + count(w), 0);
  for (const speedup of [2, 1.5]) {
    const apart = predictRate(halves, ['a', 'b'], trainersWith({ ...costs, speedup }));
    expect(sum(apart?.work) / (apart?.processorSeconds ?? Number.NaN)).toBeCloseTo(1, 9);
    expect(apart?.work.runs).toBeCloseTo(2 * of((w) => w.calls));
    expect(apart?.work).toMatchObject({ handed: 0, handovers: 0, uncounted: 0, threads: 0 });
    expect(apart?.work.operations).toBeCloseTo(5 * of((w) => w.operations));
    expect(apart?.work.bytes).toBeCloseTo(7 * of((w) => w.bytes));
    expect(apart?.work.products).toBeCloseTo(11 * of((w) => w.flops));
    expect(apart?.work.windows).toBeCloseTo(2 * 23);
    expect(apart?.work.batches).toBeCloseTo(2 * 29 + 43 * 4 * 8 * (4 + 2));
    expect((apart?.work.crowding ?? 0) > 0).toBe(speedup < 2);
  }
  const alone = predictRate([whole], ['a'], trainersWith({ ...costs, speedup: 2 }));
  const work = batchWork(whole);
  expect(sum(alone?.work) / (alone?.processorSeconds ?? Number.NaN)).toBeCloseTo(1, 9);
  expect(alone?.work).toMatchObject({ runs: 37, frames: 0, windows: 0, crowding: 0 });
  expect(alone?.work.handed).toBeCloseTo(3 * work.values + 41 * work.valueBytes);
  expect(alone?.work.products).toBeCloseTo((11 * work.flops) / 2);
  expect(alone?.work.threads).toBeCloseTo(5 * work.operations + (7 * work.bytes + 11 * work.flops) / 2);
  const unmeasured = trainersWith({}).map((t) => ({ ...t, capability: { ...t.capability, costs: undefined } }));
  const plain = predictRate([whole], ['a'], unmeasured as unknown as RatedTrainer[]);
  expect(plain?.work.uncounted).toBeCloseTo(plain?.processorSeconds ?? Number.NaN);
});

test('audits take processors of the machines of auditors', () => {
  const costs = { shortRun: 1, flop: 1 };
  const works = halves.map((half) => batchWork(half));
  const device = works.reduce((sum, work) => sum + work.calls + work.flops, 0);
  const of = (
    changed: (trainer: RatedTrainer) => Partial<RatedTrainer['capability']> & { rate?: number },
    keys: readonly string[] = ['a', 'b'],
    synchronizer?: string,
  ) => {
    const [like] = trainersWith(costs);
    const trainers = keys.flatMap((key) =>
      like
        ? [{ ...like, key, audited: { rate: 0.1 }, capability: { ...like.capability, ...changed({ ...like, key }) } }]
        : [],
    );
    return predictPlaced({ shards: halves, owners: ['a', 'b'], trainers, synchronizer });
  };
  // At one place no trainer may look at another one, and a synchronizer elsewhere takes nothing from them.
  expect(of(() => ({}))?.work.audits).toBe(0);
  expect(of(() => ({}), ['a', 'b'], 'one')?.work.audits).toBeCloseTo(0.1 * device);
  expect(of(() => ({}), ['a', 'b'], 'elsewhere')?.work.audits).toBe(0);
  // Neighbours know what came out: a third one does half, and the synchronizer the rest and a quarter of that half.
  const apart = ({ key }: RatedTrainer) => ({ place: key });
  expect(of(apart)?.work.audits).toBe(0);
  expect(of(apart, ['a', 'b', 'c'])?.work.audits).toBeCloseTo(0.05 * device);
  expect(of(apart, ['a', 'b', 'c', 'd'])?.work.audits).toBeCloseTo(0.05 * device);
  expect(of(apart, ['a', 'b', 'c'], 'one')?.work.audits).toBeCloseTo((0.05 + 0.0625) * device);
  expect(of(({ key }) => ({ place: key, machine: key }), ['a', 'b', 'c'])?.work.audits).toBe(0);
  // Nothing waits for it where a core is free; on a machine that is full the training is slower.
  const rate = (cores: number, synchronizer?: string) =>
    of(() => ({ cores, costs: { ...TWICE, ...costs, speedup: cores } }), ['a', 'b'], synchronizer)?.batchesPerSecond ??
    Number.NaN;
  expect(rate(8, 'one')).toBeCloseTo(rate(8), 9);
  expect(rate(1, 'one') / rate(1)).toBeCloseTo(1 / 1.1, 2);
});

test('each batch is begun and ended, and its samples are picked out', () => {
  expect(alone({ call: 1, batch: 2 })).toBeCloseTo(3);
  expect(alone({ sampleByte: 1 })).toBeCloseTo(4 * 8 * (4 + 2));
  // Threads that wake each other wait, and work no longer.
  expect(alone({ call: 1, batch: 2, aloneBatch: 5 })).toBeCloseTo(5);
  expect(alone({ call: 1, batch: 2, aloneBatch: 2 })).toBeCloseTo(3);
  const waits = predictRate([whole], ['a'], trainersWith({ call: 1, batch: 2, aloneBatch: 5 }));
  expect(waits?.processorSeconds).toBeCloseTo(3);
  expect(inTwo({ frame: 1, aloneBatch: 9 })).toBeCloseTo(inTwo({ frame: 1 }));
  // Rows that are read from the disk, where a column of all samples is too large for memory.
  const onDisk = (length: number): number => {
    const [a] = trainersWith({ call: 1, diskRow: 2 });
    const found = predictPlaced({
      shards: [whole],
      owners: ['a'],
      trainers: a ? [a] : [],
      data: { train: { length } },
    });
    return 1 / (found?.batchesPerSecond ?? Number.NaN);
  };
  const most = MAX_HELD_COLUMN_BYTES / 4;
  expect(onDisk(most / 4)).toBeCloseTo(1);
  expect(onDisk(most / 4 + 1)).toBeCloseTo(1 + 2 * 8);
  expect(onDisk(most / 2 + 1)).toBeCloseTo(1 + 2 * 2 * 8);
  // Each shard for itself, at once, and samples only where they are read.
  expect(inTwo({ frame: 1, batch: 2 })).toBeCloseTo(inTwo({ frame: 1 }) + 2);
  const fed = halves.map((half) => sampleBytes(half));
  expect(fed.reduce((sum, bytes) => sum + bytes, 0)).toBe(4 * 8 * (4 + 2));
});

test('frames of several microbatches come and go together', () => {
  const seconds = (costs: Partial<Costs>, microbatches: number): number => {
    const division = { microbatches, ahead: 0 };
    const trainers = trainersWith(costs);
    return 1 / (predictRate(halves, ['a', 'b'], trainers, 'f32', division)?.batchesPerSecond ?? Number.NaN);
  };
  expect(seconds({ frame: 9, framePath: 9, streamFrame: 1 }, 2)).toBeCloseTo(seconds({ frame: 1 }, 2));
  expect(seconds({ frame: 1, streamFrame: 9 }, 1)).toBeCloseTo(seconds({ frame: 1 }, 1));
});

test('cores that slow each other down did so while frames of a stream were measured', () => {
  const of = (cores: number, speedup: number) => {
    const trainers = trainersWith({ streamFrame: 1, speedup }).map((t) => ({
      ...t,
      capability: { ...t.capability, cores },
    }));
    const { work } = predictRate(halves, ['a', 'b'], trainers, 'f32', { microbatches: 4, ahead: 0 }) ?? {};
    return { frames: work?.frames ?? 0, crowding: work?.crowding ?? 0 };
  };
  const { frames } = of(2, 2);
  expect(of(2, 2).crowding).toBeCloseTo(0);
  // Two ends at work at once take as long as they did then, and one alone less.
  expect(of(2, 1.5).frames).toBeCloseTo(0.75 * frames);
  expect(of(2, 1.5).crowding).toBeGreaterThan(0);
  expect(of(2, 1.5).frames + of(2, 1.5).crowding).toBeLessThanOrEqual(frames + 1e-9);
  // One core has had them in turns.
  expect(of(1, 1)).toMatchObject({ frames, crowding: 0 });
  expect(of(16, 10).frames).toBeCloseTo(frames);
});

test('frames cost more where more trainers than cores take turns', () => {
  const of = (cores: number, costs: Partial<Costs>) => {
    const trainers = trainersWith(costs).map((t) => ({ ...t, capability: { ...t.capability, cores } }));
    return predictRate(halves, ['a', 'b'], trainers)?.work.frames ?? Number.NaN;
  };
  const frames = of(2, { frame: 1 });
  expect(of(2, { frame: 1, crowdedFrame: 3 })).toBeCloseTo(frames);
  expect(of(1, { frame: 1, framePath: 0.5, crowdedFrame: 3 })).toBeCloseTo(3 * frames);
  // A trainer of an earlier version does not say it, and nothing is less in a crowd.
  expect(of(1, { frame: 1 })).toBeCloseTo(frames);
  expect(of(1, { frame: 1, crowdedFrame: 0 })).toBeCloseTo(frames);
});

test('in a crowd bytes cost more, and frames of a stream what they cost there', () => {
  const of = (cores: number, costs: Partial<Costs>, microbatches = 1) => {
    const trainers = trainersWith(costs).map((t) => ({ ...t, capability: { ...t.capability, cores } }));
    return predictRate(halves, ['a', 'b'], trainers, 'f32', { microbatches, ahead: 0 })?.work.frames ?? Number.NaN;
  };
  const bytes = of(1, { frameByte: 1 });
  expect(bytes).toBeGreaterThan(0);
  expect(of(1, { frameByte: 1, crowdedFrame: 0, crowdedFrameByte: 3 })).toBeCloseTo(3 * bytes);
  expect(of(1, { frameByte: 1, framePathByte: 0.5, crowdedFrame: 0, crowdedFrameByte: 0 })).toBeCloseTo(bytes);
  expect(of(2, { frameByte: 1, crowdedFrame: 0, crowdedFrameByte: 3 })).toBeCloseTo(bytes);
  const stream = of(1, { frame: 1, streamFrame: 1 }, 2);
  expect(of(1, { frame: 1, streamFrame: 1, crowdedFrame: 9, crowdedStreamFrame: 0.5 }, 2)).toBeCloseTo(stream / 2);
  expect(of(2, { frame: 1, streamFrame: 1, crowdedFrame: 9, crowdedStreamFrame: 0.5 }, 2)).toBeCloseTo(stream);
  expect(of(1, { frame: 1, streamFrame: 1, crowdedFrame: 9 }, 2)).toBeCloseTo(stream);
});

test('a machine whose cores share their resources is slower with two shards at work', () => {
  expect(inTwo({ call: 1, speedup: 1 })).toBeGreaterThan(inTwo({ call: 1 }));
});

test('a trainer that has measured nothing has no prediction', () => {
  const unknown = trainersWith({}).map((t) => ({ ...t, capability: { ...t.capability, rate: 0 } }));
  expect(predictRate([whole], ['a'], unknown)).toBeUndefined();
});

describe('a direct way between two trainers', () => {
  const linked = (rate?: number, roundTrip = 2): RatedTrainer[] =>
    trainersWith({}).map((trainer, i) => ({
      ...trainer,
      capability: { ...trainer.capability, upload: 1e3, download: 1e6, roundTrip: 2000, place: 'ab'[i] ?? '' },
      ...(rate === undefined ? {} : { borders: [{ key: 'ba'[i] ?? '', rate, roundTrip }] }),
    }));
  const batches = (...way: [number?, number?]): number =>
    predictRate(halves, ['a', 'b'], linked(...way))?.batchesPerSecond ?? 0;

  test('that is faster than their links is what borders wait for', () => {
    expect(batches(1e9)).toBeGreaterThan(100 * batches());
    expect(batches(1e4)).toBeGreaterThan(2 * batches());
    expect(batches(1e4)).toBeLessThan(batches(1e9));
  });

  test('that is slower than their links bounds them, too', () => expect(batches(10, 4000)).toBeLessThan(batches() / 2));

  test('is named in the dry run, and so is a border without one', () => {
    expect(bordersText(placedBorders(halves, ['a', 'b'], linked(1.25e8)))).toContain(
      'a to b: 1 Gbit/s, round trip 2.0 ms, directly, as measured between them\n',
    );
    expect(bordersText(placedBorders(halves, ['a', 'b'], linked()))).toContain(
      'a to b: 8 kbit/s, round trip 4000 ms, as over their links to the mesh\n',
    );
    expect(placedBorders(halves, ['a', 'a'], linked())).toEqual([]);
  });
});
