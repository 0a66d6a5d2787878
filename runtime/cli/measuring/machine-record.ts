/** Rates of this machine, measured once for all trainers on it: they share what it has. */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Costs } from '../../../spec/costs.ts';
import type { Device } from '../../device/device.ts';
import { ALL_COSTS } from '../../net/costs-shape.ts';
import { writeFileAtomic } from '../../support/atomic.ts';
import { ownPath } from '../../support/safe-path.ts';
import { follows, number, object, type Shape } from '../../support/shape.ts';
import { costsOf } from './costs.ts';
import { type Effort, productSpeed, quartileOf, SQUARE } from './measure.ts';

export interface MachineRecord {
  /** FLOP/s of all cores together. */
  readonly rate: number;
  readonly costs: Costs;
}

const RECORD: Shape<MachineRecord> = object({ rate: number, costs: ALL_COSTS });

const EFFORT: Effort = { products: 4, elements: 1024, pieces: 1, runs: 7 };
/** A record is good for a day: machines get other company. */
const GOOD_MILLISECONDS = 24 * 3600 * 1000;
/** A process that measures for longer has died; beside a load of 20 it takes a minute. */
const PATIENCE_MILLISECONDS = 120_000;

/** @param folder that all trainers of this user share @returns nothing for a device that is not used for speed */
export async function machineRecord(device: Device, folder: string): Promise<MachineRecord | undefined> {
  if (device.name === 'reference') return undefined;
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `machine-${device.name}.json`);
  const lock = `${path}.lock`;
  for (;;) {
    const known = read(path);
    if (known) return known;
    if (take(lock)) break;
    await sleep(100);
  }
  try {
    const record = await measured(device);
    writeFileAtomic(ownPath(path), JSON.stringify(record));
    return record;
  } finally {
    rmSync(lock, { force: true });
  }
}

async function measured(device: Device): Promise<MachineRecord> {
  const gflops = await productSpeed(device, SQUARE, EFFORT, undefined, quartileOf);
  const rate = Math.round(gflops * 1e9);
  return { rate, costs: await costsOf(device, SQUARE) };
}

function read(path: string): MachineRecord | undefined {
  try {
    if (Date.now() - statSync(path).mtimeMs > GOOD_MILLISECONDS) return undefined;
    const found: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return follows(RECORD, found) ? found : undefined;
  } catch {
    return undefined;
  }
}

function take(lock: string): boolean {
  try {
    closeSync(openSync(lock, 'wx'));
    return true;
  } catch {
    try {
      if (Date.now() - statSync(lock).mtimeMs > PATIENCE_MILLISECONDS) rmSync(lock, { force: true });
    } catch {
      // It is gone already.
    }
    return false;
  }
}
