/** A thread of ONNX Runtime that takes its share of every batch, or all of it, past its messages. */
import { LANE, TRAIN } from '../../../spec/names.ts';
import type { RunInput } from '../device.ts';
import type { CpuEngine } from './engine.ts';
import { Meeting } from './meeting.ts';
import type { LaneStart } from './messages.ts';
import { SharedBatches } from './shared-batches.ts';
import { type BatchWork, CONTROL, SLOTS, type Slot, shareOf, slotsIn, takeShare } from './slots.ts';
import { WholeBatches } from './whole-batches.ts';

/** A command that waits for each batch sends the next one within this time. */
const LINGER_MILLISECONDS = 1;

export class Lane {
  /** What its batches run. */
  readonly name: string;
  readonly #index: 0 | 1;
  readonly #control: Int32Array;
  readonly #slots: readonly Slot[];
  readonly #inputs: Record<string, RunInput>;
  readonly #meeting: Meeting;
  readonly #work: BatchWork;
  #finished = 0;

  constructor(engine: CpuEngine, { index, control, exchange, slots }: LaneStart) {
    this.#index = index;
    this.#control = new Int32Array(control);
    const lanes = exchange ? 2 : 1;
    this.#meeting = new Meeting(this.#control, lanes);
    this.name = exchange ? LANE : TRAIN;
    const manifest = engine.manifestOf(this.name);
    this.#slots = slotsIn(slots, manifest, lanes);
    this.#inputs = shareOf(manifest);
    this.#work = exchange
      ? new SharedBatches({ engine, index, inputs: this.#inputs, exchange, meeting: this.#meeting })
      : new WholeBatches(engine, this.#inputs);
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

  async #run(slot: Slot): Promise<void> {
    takeShare(slot, this.#index, this.#inputs);
    await this.#work.run(slot, () => {
      this.#finished++;
      if (this.#index > 0) return;
      Atomics.store(this.#control, CONTROL.done, this.#finished);
      Atomics.notify(this.#control, CONTROL.done);
    });
  }
}
