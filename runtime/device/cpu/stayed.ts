/**
 * The command's end of a program whose values stay in its thread: of what the command does not read itself it has only
 * names. Values of others that a walk holds go there once, and stay there as well.
 */
import type { DeviceSession, Holder, Position, RunInput, Tensor } from '../device.ts';
import { type Request, type Step, stayedName } from './messages.ts';
import { runOn, type Thread } from './thread.ts';

interface Held {
  holders: number;
  /** In the thread; nothing while the values are only here. */
  name?: string;
}

/** @param engine which of the thread's programs */
export function valuesThere(thread: Thread<Request>, engine: number): Pick<DeviceSession, 'run' | 'held'> {
  const values = new StayedValues(thread, engine);
  return {
    held: values,
    run: (name, inputs, position, shown) =>
      shown ? values.run(name, inputs, position, shown) : runOn(thread, name, inputs, position, engine),
  };
}

class StayedValues implements Holder {
  readonly #thread: Thread<Request>;
  readonly #engine: number;
  /** By what stands for them here. */
  readonly #held = new Map<RunInput, Held>();
  #dropped: string[] = [];
  #steps = 0;

  constructor(thread: Thread<Request>, engine: number) {
    this.#thread = thread;
    this.#engine = engine;
  }

  hold(values: Tensor): void {
    const held = this.#held.get(values);
    if (held) held.holders++;
    else this.#held.set(values, { holders: 1 });
  }

  drop(values: Tensor): void {
    const held = this.#held.get(values);
    if (!held || --held.holders > 0) return;
    this.#held.delete(values);
    if (held.name !== undefined) this.#dropped.push(held.name);
  }

  async run(
    name: string,
    inputs: Readonly<Record<string, RunInput>>,
    position: Position,
    shown: ReadonlySet<string>,
  ): Promise<Record<string, Tensor>> {
    const step = this.#steps++;
    const given: Record<string, RunInput | string> = {};
    const staying: string[] = [];
    const handedOver: ArrayBuffer[] = [];
    for (const [field, data] of Object.entries(inputs)) {
      const held = this.#held.get(data);
      if (held?.name !== undefined) {
        given[field] = held.name;
        continue;
      }
      // What is shown is read here once more.
      const own = held !== undefined && !shown.has(field) && data.byteLength === data.buffer.byteLength;
      const moved = own ? data : (data.slice() as RunInput);
      given[field] = moved;
      handedOver.push(moved.buffer as ArrayBuffer);
      if (!held) continue;
      held.name = stayedName(step, 'field', field);
      staying.push(field);
    }
    const dropped = this.#dropped;
    this.#dropped = [];
    const request: Step = { name, inputs: given, position, step, staying, shown, dropped };
    const asked = { kind: 'step' as const, ...request, engine: this.#engine };
    const results = await this.#thread.ask<Record<string, Tensor>>(asked, handedOver);
    for (const [result, values] of Object.entries(results))
      this.#held.set(values, { holders: 0, name: stayedName(step, 'result', result) });
    return results;
  }
}
