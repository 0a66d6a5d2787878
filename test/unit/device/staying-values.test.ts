/** Values that stay in the thread that computes them: the same bits, no more memory than is read, nothing else handed over. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { lowerToCpu } from '../../../compiler/7-kernels/onnx/lower.ts';
import { CpuEngine } from '../../../runtime/device/cpu/engine.ts';
import type { Request } from '../../../runtime/device/cpu/messages.ts';
import { valuesThere } from '../../../runtime/device/cpu/stayed.ts';
import { StayingValues } from '../../../runtime/device/cpu/staying-values.ts';
import type { Thread } from '../../../runtime/device/cpu/thread.ts';
import { openSession } from '../../../runtime/shard/session.ts';
import type { Frame } from '../../../runtime/training/frame.ts';
import { type State, sizeOf } from '../../../spec/program.ts';
import { stream } from '../../../spec/random.ts';
import { compileText, sampleOf, splitTiled } from '../../support/shards.ts';

const MODEL = readFileSync('test/golden/rule-il/model.pcn', 'utf8');
const BATCHES = 4;

type Step = Extract<Request, { readonly kind: 'step' }>;

/** A thread's messages without the thread: what is handed over is lost here, all else is copied. */
class CopiedMessages {
  readonly #values: StayingValues;
  /** Values that were given or made there, and not dropped. */
  readonly staying = new Set<string>();
  /** Elements that crossed, results alone. */
  crossed = 0;

  constructor(engine: CpuEngine) {
    this.#values = new StayingValues(engine);
  }

  readonly thread = {
    ask: async (request: Omit<Step, 'id'>, transfer: ArrayBuffer[]) => {
      const { dropped, step, staying } = request;
      for (const name of dropped) expect(this.staying.delete(name)).toBe(true);
      for (const field of staying) this.staying.add(`${step}/field/${field}`);
      const results = await this.#values.run(structuredClone(request, { transfer }));
      for (const [name, values] of Object.entries(results)) {
        this.staying.add(`${step}/result/${name}`);
        this.crossed += values.length;
      }
      return structuredClone(results);
    },
  } as unknown as Thread<Request>;
}

function initial({ id, shape }: State): Float32Array {
  const rng = stream(5, id);
  return Float32Array.from({ length: sizeOf(shape) }, (_, i) => 0.1 * rng.normal(i));
}

interface Trained {
  readonly frames: readonly Frame[];
  readonly states: readonly Float32Array[];
}

async function trained(microbatches: number, how: 'copied' | 'staying'): Promise<Trained> {
  const compiled = compileText(MODEL, 'il', {}, microbatches);
  const split = splitTiled(compiled, 2, 1);
  const frames: Frame[] = [];
  const shards = split.map(({ schedule, program }) => {
    const files = lowerToCpu(program);
    const engine = new CpuEngine(program.states, files, { threads: 1 });
    const messages = new CopiedMessages(engine);
    for (const state of program.states) engine.write(state.id, initial(state));
    const device = how === 'staying' ? valuesThere(messages.thread, 0) : { run: engine.run.bind(engine) };
    return { engine, messages, program, session: openSession(schedule, { program, files }, device) };
  });
  const train = compileText(MODEL, 'il').program.functions.find((f) => f.name === 'train');
  if (!train) throw new Error('no train');
  const held: number[] = [];
  for (let callIndex = 0; callIndex < BATCHES; callIndex++) {
    for (const { session } of shards) {
      const position = { batch: callIndex, batches: BATCHES };
      session.start({ name: 'train', position, inputs: sampleOf(train, callIndex), callIndex, microbatch: 0 });
    }
    const going = new Set(shards);
    while (going.size > 0)
      for (const shard of going) {
        const step = await shard.session.advance();
        if (step.kind === 'done') going.delete(shard);
        for (const frame of step.kind === 'send' ? step.frames : []) {
          const copied = { ...frame, values: frame.values.map((v) => v.slice()) };
          frames.push({ ...frame, values: frame.values.map((v) => v.slice()) });
          expect(shards.find((s) => s !== shard)?.session.deliver(copied)).toBeUndefined();
        }
      }
    held.push(shards.reduce((sum, { messages }) => sum + messages.staying.size, 0));
  }
  // Of the last step of a call, what is dropped is said with the next one: no more than one call's.
  if (how === 'staying') expect(new Set(held).size).toBe(1);
  return { frames, states: shards.flatMap(({ engine, program }) => program.states.map(({ id }) => engine.read(id))) };
}

test.each([1, 2])('frames and weights have the same bits as where all is copied: %i microbatches', async (n) => {
  const [copied, stayed] = [await trained(n, 'copied'), await trained(n, 'staying')];
  expect(copied.frames.length).toBeGreaterThan(0);
  expect(stayed.frames).toEqual(copied.frames);
  expect(stayed.states).toEqual(copied.states);
});
