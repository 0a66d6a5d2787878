/** Measures the operations of predictive coding on one device, against the most that it was seen to do. */
import { type HalfUnit, NARROW, type Precision } from '../../../spec/precision.ts';
import type { Device } from '../../device/device.ts';
import { UserError } from '../../support/errors.ts';
import { type AttentionSize, attentionModel, convolutionModel } from './bench-models.ts';
import { type Effort, FULL, LIGHT, productSpeed, rounded, timeOf } from './measure.ts';
import { copyProgram, type ProductShape } from './programs.ts';
import { NETWORKS, type ReferenceNetwork, type Rule, referenceModel, usefulWork, XOR } from './reference-networks.ts';
import { openTraining } from './training-steps.ts';
import { type NotRun, unitName } from './variants.ts';

export interface BenchLine {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The device's own ceiling in the same unit: the useful work at its best speed on products, in f32; null without one. */
  readonly ceiling: number | null;
  /** How products read their sides, where that is not as they are. */
  readonly precision?: Precision;
  /** The unit that multiplied, where several could have. */
  readonly by?: string;
}

/** Less of a processor that plays a GPU. */
interface Amount {
  readonly effort: Effort;
  readonly square: number;
  readonly shapes: readonly ProductShape[];
  readonly networks: readonly (readonly [ReferenceNetwork, Rule])[];
  readonly batch: number;
  readonly attention: AttentionSize;
  /** Ticks at the beginning have less to do: one is the difference of many and few. */
  readonly ticks: readonly [few: number, many: number];
  /** Batches that go to the device together, and how often. */
  readonly ahead: number;
  readonly rounds: number;
}

/** The products of the large reference network: forward, feedback, weight gradients. */
const SHAPES: readonly ProductShape[] = [
  { m: 256, n: 512, k: 784, tb: true },
  { m: 256, n: 512, k: 512, tb: true },
  { m: 256, n: 10, k: 512, tb: true },
  { m: 256, n: 512, k: 512 },
  { m: 256, n: 512, k: 10 },
  { m: 512, n: 784, k: 256, ta: true },
  { m: 10, n: 512, k: 256, ta: true },
];

const WHOLE: Amount = {
  effort: FULL,
  square: 2048,
  shapes: SHAPES,
  networks: [
    [XOR, 'il'],
    [NETWORKS.small, 'il'],
    [NETWORKS.small, 'ipc'],
    [NETWORKS.large, 'il'],
    [NETWORKS.large, 'ipc'],
  ],
  batch: 64,
  attention: [32, 64, 4],
  ticks: [4, 8],
  ahead: 10,
  rounds: 5,
};
const LITTLE: Amount = {
  effort: LIGHT,
  square: 256,
  shapes: SHAPES.slice(1, 3),
  networks: [
    [XOR, 'il'],
    [NETWORKS.small, 'il'],
  ],
  batch: 2,
  attention: [8, 16, 2],
  ticks: [2, 4],
  ahead: 1,
  rounds: 3,
};

/** Measurements, by name. */
export const BENCH_PARTS = ['tiles', 'product', 'copy', 'network', 'convolution', 'attention'] as const;
export type BenchPart = (typeof BENCH_PARTS)[number];

/**
 * @param software a processor that plays the device: fewer and smaller measurements
 * @param only one part; the ceiling is measured in any case
 */
export async function* benchDevice(
  device: Device,
  software: boolean,
  only?: BenchPart,
): AsyncGenerator<BenchLine | NotRun> {
  const wanted = (part: BenchPart): boolean => only === undefined || only === part;
  const { precision, ...inFull } = device;
  const amount = amountOf(software, precision);
  const { square, effort, attention } = amount;
  const ceiling = await productSpeed(inFull, { m: square, n: square, k: square }, effort);
  yield { name: `product ${square}x${square}x${square}`, value: rounded(ceiling), unit: 'GFLOP/s', ceiling: null };
  if (wanted('product')) yield* productLines(device, ceiling, amount);
  if (wanted('copy')) {
    const copy = await timeOf(inFull, copyProgram(effort.elements), effort.runs);
    yield { name: 'copy', value: rounded((8 * effort.elements) / copy / 1e6), unit: 'GB/s', ceiling: null };
  }
  if (wanted('network'))
    for (const [network, rule] of amount.networks) yield* networkLines(device, network, rule, ceiling, amount);
  if (wanted('convolution')) yield await tickLine('convolution', (sized) => convolutionModel(sized), device, amount);
  const size = `attention of ${attention[0]} x ${attention[1]}, ${attention[2]} heads`;
  if (wanted('attention')) yield await tickLine(size, (sized) => attentionModel(sized, attention), device, amount);
}

/** Products that are multiplied in f16, by one of the units that the device has for it. */
export async function* benchHalves(
  device: Device,
  software: boolean,
  unit: HalfUnit,
): AsyncGenerator<BenchLine | NotRun> {
  const { effort, square, shapes } = amountOf(software, 'f16');
  const inHalves: Device = { ...device, precision: 'f16', halves: [unit] };
  // Narrow ones are not multiplied in f16.
  const wide = [{ m: square, n: square, k: square }, ...shapes].filter((s) => Math.min(s.m, s.n) > NARROW);
  for await (const found of productLines(inHalves, null, { shapes: wide, effort }))
    yield { ...found, by: unitName(unit) };
}

function tickLine(
  name: string,
  model: (sized: { batch: number; ticks: number }) => string,
  device: Device,
  amount: Amount,
): Promise<BenchLine | NotRun> {
  const { batch } = amount;
  return line(device, `tick, ${name}, B=${batch}`, 'ms', null, () =>
    tickOf(device, (ticks) => model({ batch, ticks }), amount),
  );
}

/** A copy in half precision is made for weights that are read often: chains of products have to be long enough. */
const READS_OF_HALVES = 4;

function amountOf(software: boolean, precision: Precision | undefined): Amount {
  const amount = software ? LITTLE : WHOLE;
  if (precision !== 'f16-weights') return amount;
  const { effort, shapes } = amount;
  // A driver that is a program takes long over the code of several products in one launch.
  const few = software ? shapes.slice(-1) : shapes;
  return { ...amount, shapes: few, effort: { ...effort, products: Math.max(effort.products, READS_OF_HALVES) } };
}

/** One measurement; where the precision that was asked for would change nothing, that it was not made. */
async function line(
  { precision }: Device,
  name: string,
  unit: string,
  ceiling: number | null,
  measured: () => Promise<number>,
): Promise<BenchLine | NotRun> {
  try {
    const value = rounded(await measured());
    return { name, value, unit, ceiling, ...(precision === undefined ? {} : { precision }) };
  } catch (error) {
    if (error instanceof UserError && error.code === 'precision/nothing') return { name, reason: error.message };
    throw error;
  }
}

async function* productLines(
  device: Device,
  ceiling: number | null,
  { shapes, effort }: Pick<Amount, 'shapes' | 'effort'>,
): AsyncGenerator<BenchLine | NotRun> {
  for (const shape of shapes)
    yield await line(device, `product ${nameOf(shape)}`, 'GFLOP/s', ceiling && rounded(ceiling), () =>
      productSpeed(device, shape, effort),
    );
}

async function* networkLines(
  device: Device,
  network: ReferenceNetwork,
  rule: Rule,
  gflops: number,
  amount: Amount,
): AsyncGenerator<BenchLine | NotRun> {
  const title = `${rule}, ${network.widths.join('-')}, B=${network.batch}`;
  const floor = usefulWork(network, rule) / gflops / 1e6;
  yield await line(device, `batch, ${title}, T=${network.ticks}`, 'ms', rounded(floor), () =>
    batchOf(device, referenceModel(network, rule), amount),
  );
  const ticks = (count: number): ReferenceNetwork => ({ ...network, ticks: count });
  const one = usefulWork(ticks(3), rule) - usefulWork(ticks(2), rule);
  yield await line(device, `tick, ${title}`, 'ms', rounded(one / gflops / 1e6), () =>
    tickOf(device, (count) => referenceModel(ticks(count), rule), amount),
  );
}

function nameOf({ m, n, k, ta, tb }: ProductShape): string {
  const turned = [ta ? 'left' : [], tb ? 'right' : []].flat();
  return `${m}x${n}x${k}${turned.length > 0 ? `, ${turned.join(' and ')} turned` : ''}`;
}

async function tickOf(device: Device, model: (ticks: number) => string, amount: Amount): Promise<number> {
  const [few, many] = amount.ticks;
  const short = await batchOf(device, model(few), amount);
  return Math.max(0, (await batchOf(device, model(many), amount)) - short) / (many - few);
}

/** Median milliseconds of a batch where several go to the device without waiting for each other, as in a training. */
async function batchOf(device: Device, model: string, { ahead, rounds }: Amount): Promise<number> {
  const training = await openTraining(model, device);
  try {
    const times: number[] = [];
    for (let round = -1; round < rounds; round++) {
      const begin = performance.now();
      await Promise.all(Array.from({ length: ahead }, () => training.step()));
      if (round >= 0) times.push((performance.now() - begin) / ahead);
    }
    return times.sort((a, b) => a - b)[rounds >> 1] ?? 0;
  } finally {
    await training.close();
  }
}
