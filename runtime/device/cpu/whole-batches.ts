/** A thread that trains on whole batches, with all threads of ONNX Runtime. */
import type { RunInput } from '../device.ts';
import type { CpuEngine } from './engine.ts';
import type { WholeRun } from './lane-run.ts';
import { type BatchWork, positionOf, type Slot } from './slots.ts';

export class WholeBatches implements BatchWork {
  readonly #engine: CpuEngine;
  readonly #inputs: Readonly<Record<string, RunInput>>;
  #work: WholeRun | undefined;

  constructor(engine: CpuEngine, inputs: Readonly<Record<string, RunInput>>) {
    this.#engine = engine;
    this.#inputs = inputs;
  }

  async run(slot: Slot, done: () => void): Promise<void> {
    this.#work ??= await this.#engine.whole(this.#inputs);
    await this.#work(positionOf(slot), (results) => {
      for (const [name, place] of Object.entries(slot.results)) place.set(results(name));
      done();
    });
  }
}
