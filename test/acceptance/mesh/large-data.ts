/** A data set larger than the memory that any machine lends or has free for it: made on the spot, and mostly holes. */
import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { npy } from '../../unit/data/fixtures.ts';
import { resident } from './large.ts';

export const ROW_BYTES = 4096;
/** Each row of so many has numbers of its own, so that no two pieces of the column are alike. */
const DRAWN_EVERY = 256;

/** Pictures as rows of an NPY file. @returns how many there are */
export function writePictures(path: string, bytes: number): number {
  const rows = Math.floor(bytes / ROW_BYTES);
  const start = npy('|u1', [rows, ROW_BYTES], new Uint8Array(0));
  const file = openSync(path, 'wx');
  try {
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

/** Of a process and of those it has started, the one that held most. */
export function mostOfTree(pid: number | undefined): number {
  if (pid === undefined) return 0;
  return Math.max(resident(pid, 'VmHWM'), ...childrenOf(pid).map(mostOfTree));
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
