/**
 * One of two threads that train together. Each takes half of every batch with one thread of ONNX Runtime (small
 * products and element-wise work use two cores better apart than together), gives its gradients to the other, and
 * moves its own copy of the weights by both, added in the order of the lanes: the copies stay equal, bit for bit.
 */
import type { RunInput } from '../device.ts';
import type { CpuEngine, LaneRun } from './engine.ts';
import { Meeting } from './meeting.ts';
import type { LaneStart } from './messages.ts';
import { CONTROL, halvesOf, positionOf, SLOTS, type Slot, slotsIn, takeHalf } from './slots.ts';

/** A command that waits for each batch sends the next one within this time. */
const LINGER_MILLISECONDS = 1;

export class Lane {
  readonly #engine: CpuEngine;
  readonly #index: 0 | 1;
  readonly #control: Int32Array;
  readonly #exchange: Float32Array;
  readonly #slots: readonly Slot[];
  readonly #inputs: Record<string, RunInput>;
  readonly #meeting: Meeting;
  #finished = 0;
  #work: LaneRun | undefined;

  constructor(engine: CpuEngine, start: LaneStart) {
    this.#engine = engine;
    this.#index = start.index;
    this.#control = new Int32Array(start.control);
    this.#meeting = new Meeting(this.#control, 2);
    this.#exchange = new Float32Array(start.exchange);
    const manifest = engine.laneManifest();
    this.#slots = slotsIn(start.slots, manifest);
    this.#inputs = halvesOf(manifest);
  }

  /**
   * Runs the batches that were sent, and waits a moment for more behind one.
   * @param handled messages that were carried out: a batch that was sent behind another message has to wait for it
   */
  async serve(handled: number): Promise<void> {
    const { posted, awake } = CONTROL;
    Atomics.store(this.#control, awake[this.#index], 1);
    try {
      for (let lingers = false; ; lingers = true) {
        while (this.#finished < Atomics.load(this.#control, posted)) {
          const slot = this.#slots[this.#finished % SLOTS] as Slot;
          if ((slot.messages[this.#index] as number) > handled) return;
          await this.#run(slot);
          lingers = true;
        }
        if (lingers && Atomics.wait(this.#control, posted, this.#finished, LINGER_MILLISECONDS) !== 'timed-out')
          continue;
        // A batch that is sent after this line comes with a message; an earlier one is there now.
        Atomics.store(this.#control, awake[this.#index], 0);
        if (Atomics.load(this.#control, posted) === this.#finished) return;
        Atomics.store(this.#control, awake[this.#index], 1);
      }
    } catch (error) {
      this.#meeting.fail();
      throw error;
    } finally {
      Atomics.store(this.#control, awake[this.#index], 0);
    }
  }

  /** The results are known before the weights have moved: the next batch is on its way meanwhile. */
  async #run(slot: Slot): Promise<void> {
    const position = positionOf(slot);
    takeHalf(slot, this.#index, this.#inputs);
    this.#work ??= await this.#engine.lane(this.#inputs);
    const { own, other, share, sum, step } = this.#work;
    await share(position);
    // Two halves of the exchange take turns, so that one meeting a batch is enough.
    const turn = (this.#finished % 2) * 2 * own.length;
    const part = (lane: number): Float32Array =>
      this.#exchange.subarray(turn + lane * own.length, turn + (lane + 1) * own.length);
    part(this.#index).set(own);
    this.#meeting.meet();
    this.#finished++;
    if (this.#index === 0) {
      sum(part(0), part(1), slot.results);
      Atomics.store(this.#control, CONTROL.done, this.#finished);
      Atomics.notify(this.#control, CONTROL.done);
    }
    other.set(part(1 - this.#index));
    if (this.#index === 0) step(own, other, position);
    else step(other, own, position);
  }
}
