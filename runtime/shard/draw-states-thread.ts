/** The thread of `draw-states.ts`: hands the values over a few megabytes at a time, in the order of the states. */
import { parentPort, workerData } from 'node:worker_threads';
import { initialValues } from '../../spec/initialise.ts';
import type { Drawing } from './draw-states.ts';

const ENOUGH = 1_000_000;
const { seed, states } = workerData as Drawing;
let ready: Float32Array[] = [];
let count = 0;

function handOver(): void {
  parentPort?.postMessage(
    ready,
    ready.map((values) => values.buffer as ArrayBuffer),
  );
  ready = [];
  count = 0;
}

for (const state of states) {
  const values = initialValues(state, seed);
  ready.push(values);
  count += values.length;
  if (count >= ENOUGH) handOver();
}
handOver();
