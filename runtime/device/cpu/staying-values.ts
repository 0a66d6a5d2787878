/** Values of one program that stay in the thread that computes them: its steps read them where they lie. */
import { freeNow } from '../../support/free-now.ts';
import type { RunInput, Tensor } from '../device.ts';
import type { CpuEngine } from './engine.ts';
import { type Step, stayedName } from './messages.ts';
import { ValuePool } from './value-pool.ts';

export class StayingValues {
  readonly #engine: CpuEngine;
  readonly #pool = new ValuePool();
  readonly #values = new Map<string, Tensor>();

  constructor(engine: CpuEngine) {
    this.#engine = engine;
  }

  /** @returns copies of what is shown; empty arrays for the rest */
  async run({ name, inputs, position, step, staying, shown, dropped }: Step): Promise<Record<string, Tensor>> {
    for (const stayed of dropped) this.#drop(stayed);
    for (const field of staying) this.#values.set(stayedName(step, 'field', field), inputs[field] as Tensor);
    const given = Object.fromEntries(Object.entries(inputs).map(([field, input]) => [field, this.#valueOf(input)]));
    const results = await this.#engine.runWithin(this.#pool, name, given, position);
    for (const [field, input] of Object.entries(inputs))
      if (typeof input !== 'string' && !staying.includes(field)) freeNow(input);
    const answer: Record<string, Tensor> = {};
    for (const [result, values] of Object.entries(results)) {
      this.#pool.hold(values);
      this.#values.set(stayedName(step, 'result', result), values);
      answer[result] = shown.has(result) ? values.slice() : new Float32Array(0);
    }
    return answer;
  }

  #valueOf(input: RunInput | string): RunInput {
    if (typeof input !== 'string') return input;
    const values = this.#values.get(input);
    if (!values) throw new Error(`${input} is not here`);
    return values;
  }

  #drop(stayed: string): void {
    const values = this.#values.get(stayed);
    this.#values.delete(stayed);
    if (!values) return;
    if (this.#pool.tensorOf(values)) this.#pool.drop(values);
    else freeNow(values);
  }
}
