/**
 * One of two threads that train together. Each takes half of every batch with one thread of ONNX Runtime (small
 * products and element-wise work use two cores better apart than together), gives its gradients to the other, and
 * moves its own copy of the weights by both, added in the order of the lanes: the copies stay equal, bit for bit.
 */
import type { Position, RunInput } from '../device.ts';
import type { CpuEngine } from './engine.ts';
import type { LaneAnswer, LaneStart } from './messages.ts';

const ARRIVED = 0;
const FAILED = 1;
/** How often a waiting lane looks whether the other has failed. */
const LOOK_MILLISECONDS = 1000;
/** Lanes finish close together: looking this long before going to sleep saves the time of being woken. */
const SPIN_MILLISECONDS = 0.2;

export interface LaneRun {
  readonly answer: LaneAnswer;
  readonly step: () => Promise<void>;
}

export class Lane {
  private readonly engine: CpuEngine;
  private readonly index: 0 | 1;
  private readonly control: Int32Array;
  private readonly exchange: Float32Array;
  private meetings = 0;
  private other: Float32Array | undefined;

  constructor(engine: CpuEngine, start: LaneStart) {
    this.engine = engine;
    this.index = start.index;
    this.control = new Int32Array(start.control);
    this.exchange = new Float32Array(start.exchange);
  }

  /** @returns the results, known before the weights have moved, and what moves them: to be called before all else */
  run(inputs: Record<string, RunInput>, position: Position): Promise<LaneRun> {
    return this.orFail(async () => {
      const own = await this.engine.runLane(inputs, position);
      this.other ??= await this.engine.otherLane();
      // Two halves of the exchange take turns, so that one meeting a batch is enough.
      const turn = (this.meetings % 2) * 2 * own.length;
      this.exchange.set(own, turn + this.index * own.length);
      this.meet();
      const part = (lane: number): Float32Array =>
        this.exchange.subarray(turn + lane * own.length, turn + (lane + 1) * own.length);
      const results = this.index === 0 ? await this.engine.sumLanes(part(0), part(1)) : undefined;
      return { answer: { results, inputs }, step: () => this.step(own, part(1 - this.index), position) };
    });
  }

  private step(own: Float32Array, given: Float32Array, position: Position): Promise<void> {
    return this.orFail(async () => {
      const other = this.other as Float32Array;
      other.set(given);
      const [first, second] = this.index === 0 ? [own, other] : [other, own];
      await this.engine.stepLanes(first, second, position);
    });
  }

  /** The other lane hears of it, and waits no more. */
  private async orFail<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      Atomics.store(this.control, FAILED, 1);
      Atomics.notify(this.control, ARRIVED);
      throw error;
    }
  }

  /** Waits until both lanes have come here as often. */
  private meet(): void {
    this.meetings++;
    const all = this.meetings * 2;
    if (Atomics.add(this.control, ARRIVED, 1) + 1 === all) {
      Atomics.notify(this.control, ARRIVED);
      return;
    }
    const started = performance.now();
    while (performance.now() - started < SPIN_MILLISECONDS) if (Atomics.load(this.control, ARRIVED) >= all) return;
    for (;;) {
      const arrived = Atomics.load(this.control, ARRIVED);
      if (arrived >= all) return;
      if (Atomics.load(this.control, FAILED) === 1) throw new Error('the other thread of the cpu device failed');
      Atomics.wait(this.control, ARRIVED, arrived, LOOK_MILLISECONDS);
    }
  }
}
