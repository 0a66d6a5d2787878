/**
 * Times of one thread of this machine for the pieces that a shard's work consists of. Products of large matrices say
 * little about a small network: most of its time goes into calls, values handed over, operations on little data, the
 * state's hash after each step, and frames.
 */
import { availableParallelism } from 'node:os';
import type { Costs } from '../../../spec/costs.ts';
import { type Program, sizeOf } from '../../../spec/program.ts';
import type { Device, DeviceSession } from '../../device/device.ts';
import { loadCpu } from '../../device/load-cpu.ts';
import { stateHash } from '../../net/shard-state.ts';
import { saveStates } from '../../shard/shard.ts';
import { borderCosts } from './border-costs.ts';
import { diskRowCost } from './disk-rows.ts';
import { farValueByte } from './far-values.ts';
import { flushCost } from './flush-cost.ts';
import { type HandoverTimes, handoverTimes } from './handover-costs.ts';
import { readByte } from './large-products.ts';
import {
  fill,
  formsOf,
  inputsOf,
  lowerQuartile,
  openOnOneThread,
  POSITION,
  processorSeconds,
  quartileOf,
} from './measure.ts';
import {
  copyProgram,
  inOneProgram,
  type ProductShape,
  productProgram,
  tickProgram,
  valuesProgram,
} from './programs.ts';

/** As many samples as a microbatch has, nodes as narrow and as wide as those of a small network. */
const SAMPLES = 128;
const [NARROW, WIDE] = [16, 128] as const;
const SMALL = { m: SAMPLES, n: WIDE, k: WIDE };
const [PRODUCTS, OPERATIONS, VALUES] = [16, 96, 16] as const;
const BYTES = 4;
/** Without a pause: a shard goes on as soon as it can. */
const RUNS = 21;
/** Of fewer the quotient came out between 1.3 and 1.8 on one machine: threads that have just begun are slow. */
const SPEEDUP_RUNS = 60;
/** Before any of them: a training makes its runs by the thousand, and of the first few hundred the code is still being compiled. */
const WARM_RUNS = 500;
/** The pieces by turns, each as often. */
const TURNS = 3;
/** Where time of processors is counted. */
const PASSES = 3;
/** Of values that no cache keeps: as large as the weights between two layers of 2,048. */
const FAR = { side: 2048, operations: 9, runs: 4 };
/** Milliseconds: between two commitments memory is cleared up. */
const PAUSE = 2;

/** In well under a second. @param large a product that has work for all threads */
export async function costsOf(device: Device, large: ProductShape): Promise<Costs> {
  const program = inOneProgram({
    call: copyProgram(1),
    values: valuesProgram(SAMPLES, NARROW, VALUES),
    wideValues: valuesProgram(SAMPLES, WIDE, VALUES),
    narrow: tickProgram([SAMPLES, NARROW], OPERATIONS),
    wide: tickProgram([SAMPLES, WIDE], OPERATIONS),
    product: productProgram(SMALL, PRODUCTS),
    large: productProgram(large, 1),
  });
  const session = await openOnOneThread(device, program);
  try {
    await fill(session, program);
    const values = inputsOf(program, 'values');
    for (let run = 0; run < WARM_RUNS; run++) await session.run('values', values, POSITION);
    const { call, narrow, wide, product } = await piecesByTurns(program, session);
    const pieces = piecesOf(call, await handed(program, session), narrow, wide, product);
    const states = program.states.reduce((sum, s) => sum + BYTES * sizeOf(s.shape), 0);
    const hash = await quartileOf(async () => stateHash(await saveStates(session, program.states)), RUNS, PAUSE);
    const speedup = await speedupOf(device, large, () => session.run('large', {}, POSITION));
    const far = {
      farByte: await farCost(device, pieces.byte),
      farValueByte: await farValueByte(device, pieces),
      readByte: await readByte(device, pieces),
    };
    const stateByte = hash / 1000 / states;
    const handovers = await handoverTimes(device);
    const turns = turnCosts(handovers, pieces);
    // Frames are the processor's, whatever device a shard is on.
    const borders = await borderCosts(await loadCpu(), handovers.here, { ...pieces, stateByte });
    return {
      ...pieces,
      ...far,
      stateByte,
      speedup,
      ...turns,
      ...borders,
      flush: flushCost(),
      diskRow: await diskRowCost(),
    };
  } finally {
    await session.close();
  }
}

const PIECES = ['call', 'narrow', 'wide', 'product'] as const;

/**
 * Seconds of a run of each. Of all turns the least counts: what a piece costs is what it takes more than another, which
 * is nothing real where only one of them was disturbed.
 */
async function piecesByTurns(
  program: Program,
  session: DeviceSession,
): Promise<Record<(typeof PIECES)[number], number>> {
  const least = { call: Infinity, narrow: Infinity, wide: Infinity, product: Infinity };
  for (let turn = 0; turn < TURNS; turn++)
    for (const name of PIECES) {
      const inputs = inputsOf(program, name);
      const milliseconds = await quartileOf(() => session.run(name, inputs, POSITION), RUNS);
      least[name] = Math.min(least[name], milliseconds / 1000);
    }
  return least;
}

interface Handed {
  /** Seconds of processors, of a run that is handed nothing, of one that is handed some values, and some wide ones. */
  readonly call: number;
  readonly values: number;
  readonly wideValues: number;
}

async function handed(program: Program, session: DeviceSession): Promise<Handed> {
  const of = (name: string): Promise<number> => {
    const inputs = inputsOf(program, name);
    return processorSeconds(() => session.run(name, inputs, POSITION), RUNS, PASSES);
  };
  return { call: await of('call'), values: await of('values'), wideValues: await of('wideValues') };
}

/** Beyond what a byte of small values takes, of the processor, on one thread; the run that took least counts. */
async function farCost(device: Device, byte: number): Promise<number> {
  const { side, operations, runs } = FAR;
  const program = tickProgram([side, side], operations);
  const session = await openOnOneThread(device, program);
  try {
    await fill(session, program);
    let least = Number.POSITIVE_INFINITY;
    for (let run = 0; run < runs; run++) {
      const before = process.cpuUsage();
      await session.run('run', {}, POSITION);
      const { user, system } = process.cpuUsage(before);
      least = Math.min(least, (user + system) / 1e6);
    }
    return Math.max(0, least / (operations * BYTES * side ** 2) - byte);
  } finally {
    await session.close();
  }
}

/**
 * How many times as fast all threads are as one. Both are measured by turns: what else the machine does at the moment
 * then slows them alike, and no processor is two.
 */
async function speedupOf(device: Device, large: ProductShape, one: () => Promise<unknown>): Promise<number> {
  const program = productProgram(large, 1);
  const all = await device.open({ program, files: await formsOf(device, program) });
  try {
    await fill(all, program);
    const [alone, together]: [number[], number[]] = [[], []];
    for (let run = 0; run < SPEEDUP_RUNS; run++) {
      alone.push(await quartileOf(one, 1));
      together.push(await quartileOf(() => all.run('run', {}, POSITION), 1));
    }
    return Math.min(availableParallelism(), Math.max(1, lowerQuartile(alone) / lowerQuartile(together)));
  } finally {
    await all.close();
  }
}

/** Each from what the ones before it leave over; none is less than nothing, whatever disturbed the measurement. */
function piecesOf(call: number, handed: Handed, narrow: number, wide: number, product: number) {
  const bytesOf = (columns: number): number => BYTES * SAMPLES * columns;
  const byte = Math.max(0, wide - narrow) / (OPERATIONS * (bytesOf(WIDE) - bytesOf(NARROW)));
  const operation = Math.max(0, narrow - call) / OPERATIONS - bytesOf(NARROW) * byte;
  const some = Math.max(0, operation);
  // One there and one back, with an operation in between.
  const of = (seconds: number, columns: number): number =>
    Math.max(0, (seconds - handed.call) / VALUES - some - bytesOf(columns) * byte) / 2;
  const [small, large] = [of(handed.values, NARROW), of(handed.wideValues, WIDE)];
  const valueByte = Math.max(0, large - small) / (bytesOf(WIDE) - bytesOf(NARROW));
  const value = small - bytesOf(NARROW) * valueByte;
  // Each product is added to the others: an operation of its own.
  const beside = call + PRODUCTS * (2 * some + bytesOf(WIDE) * byte);
  const flop = Math.max(product / 4, product - beside) / (PRODUCTS * flopsOf(SMALL));
  return { call, value: Math.max(0, value), valueByte, operation: some, byte, flop };
}

/** A run that is handed one value and hands one on, without what these and its two operations take by themselves. */
function turnCosts(
  { few, here, many, bytes }: HandoverTimes,
  { value, valueByte, operation, byte }: Pick<Costs, 'value' | 'operation' | 'byte'> & { readonly valueByte: number },
) {
  // Of each byte: it goes to the device and back, and two operations write it.
  const handByte = Math.max(0, (many - few) / bytes - 2 * (valueByte + byte));
  return { run: Math.max(0, few - 2 * (value + operation)), shortRun: Math.max(0, here - 2 * operation), handByte };
}

function flopsOf({ m, n, k }: ProductShape): number {
  return 2 * m * n * k;
}
