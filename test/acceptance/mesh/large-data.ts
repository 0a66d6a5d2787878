/** A data set larger than the memory that any machine lends or has free for it: made on the spot, and mostly holes. */
import { spawn } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { remembered } from '../process.ts';
import type { LargeMesh } from './large.ts';

export const ROW_BYTES = 4096;
/** Each row of so many has numbers of its own, so that no two pieces of the column are alike. */
const DRAWN_EVERY = 256;

/** Pictures as rows of an NPY file. @returns how many there are */
export function writePictures(path: string, bytes: number): number {
  const rows = Math.floor(bytes / ROW_BYTES);
  const head = `{'descr': '|u1', 'fortran_order': False, 'shape': (${rows}, ${ROW_BYTES}), }`.padEnd(117);
  const file = openSync(path, 'wx');
  try {
    const start = Buffer.concat([
      Buffer.from('934e554d5059010076 00'.replace(' ', ''), 'hex'),
      Buffer.from(`${head}\n`),
    ]);
    writeSync(file, start);
    ftruncateSync(file, start.length + rows * ROW_BYTES);
    for (let row = 0; row < rows; row += DRAWN_EVERY)
      writeSync(file, drawn(row), 0, ROW_BYTES, start.length + row * ROW_BYTES);
  } finally {
    closeSync(file);
  }
  return rows;
}

function drawn(row: number): Buffer {
  let state = row + 1;
  return Buffer.from(
    Array.from({ length: ROW_BYTES }, () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return state >>> 24;
    }),
  );
}

/** Both of its shards read the column. */
export function picturesModel(file: string): string {
  return `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model pictures {
  sense seen: f32[${ROW_BYTES}]
  node h1: f32[64] = nodes.gaussian(act = tanh)
  node h2: f32[64] = nodes.gaussian(act = tanh)
  node again: f32[${ROW_BYTES}]

  link seen -> h1 -> h2 -> again = links.dense()
}

train il of pictures on data.file("${file}", value = u8[${ROW_BYTES}]) {
  clamp seen  = sample.value / 255
  clamp again = sample.value / 255

  method    = learn.il(steps = 4, rate = 0.05)
  optimizer = learn.adam(rate = 0.0001)
  batch     = 16
  epochs    = 1
}
`;
}

/** A command of the mesh. @returns the most that it held, in bytes */
export async function peakOf(mesh: LargeMesh, args: readonly string[]): Promise<{ lines: string; peak: number }> {
  const child = remembered(
    spawn(process.execPath, mesh.commandLine(...args), {
      ...{ cwd: mesh.folder, env: mesh.environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  let lines = '';
  child.stdout?.on('data', (text) => {
    lines += String(text);
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  let peak = 0;
  let code: number | null | undefined;
  void ended.then((value) => {
    code = value;
  });
  while (code === undefined) {
    peak = Math.max(peak, mostResident(child.pid));
    await sleep(50);
  }
  if (code !== 0) throw new Error(`nmc ${args.join(' ')} has ended with ${code}: ${lines}`);
  return { lines, peak };
}

/** Of a process and of those it has started, the one that held most. */
export function mostOfTree(pid: number | undefined): number {
  if (pid === undefined) return 0;
  return Math.max(mostResident(pid), ...childrenOf(pid).map(mostOfTree));
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}

/** Bytes; 0 where it has ended, or the system does not say. */
function mostResident(pid: number | undefined): number {
  try {
    return 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
