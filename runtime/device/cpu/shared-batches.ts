/**
 * One of two threads that train together. Each takes half of every batch with one thread of ONNX Runtime (small
 * products and element-wise work use two cores better apart than together), gives its gradients to the other, and
 * moves its own copy of the weights by both, added in the order of the lanes: the copies stay equal, bit for bit.
 */
import type { RunInput } from '../device.ts';
import type { CpuEngine } from './engine.ts';
import type { LaneRun } from './lane-run.ts';
import type { Meeting } from './meeting.ts';
import { type BatchWork, positionOf, type Slot } from './slots.ts';

interface Shared {
  readonly engine: CpuEngine;
  readonly index: 0 | 1;
  readonly inputs: Readonly<Record<string, RunInput>>;
  readonly exchange: SharedArrayBuffer;
  readonly meeting: Meeting;
}

export class SharedBatches implements BatchWork {
  readonly #shared: Shared;
  readonly #exchange: Float32Array;
  #work: LaneRun | undefined;
  #batches = 0;

  constructor(shared: Shared) {
    this.#shared = shared;
    this.#exchange = new Float32Array(shared.exchange);
  }

  async run(slot: Slot, done: () => void): Promise<void> {
    const { engine, index, inputs, meeting } = this.#shared;
    const position = positionOf(slot);
    this.#work ??= await engine.lane(inputs);
    const { own, other, share, sum, step } = this.#work;
    await share(position);
    // Two halves of the exchange take turns, so that one meeting a batch is enough.
    const turn = (this.#batches++ % 2) * 2 * own.length;
    const part = (lane: number): Float32Array =>
      this.#exchange.subarray(turn + lane * own.length, turn + (lane + 1) * own.length);
    part(index).set(own);
    meeting.meet();
    if (index === 0) sum(part(0), part(1), slot.results);
    done();
    other.set(part(1 - index));
    if (index === 0) step(own, other, position);
    else step(other, own, position);
  }
}
