/** Results that lie in memory that is used again as soon as nothing holds them: here it is spoilt at that moment. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { DeviceSession, Holder, Tensor } from '../../../runtime/device/device.ts';
import { openSession, type ShardSession } from '../../../runtime/shard/session.ts';
import type { Frame } from '../../../runtime/training/frame.ts';
import { compileText, openShards, sampleOf, splitTiled } from '../../support/shards.ts';

const MODEL = readFileSync('test/golden/rule-il/model.pcn', 'utf8');
const BATCHES = 3;

class Spoiling implements Holder {
  readonly #holders = new Map<Tensor, number>();
  spoilt = 0;

  own(values: Tensor): void {
    this.#holders.set(values, 0);
  }

  hold(values: Tensor): void {
    const holders = this.#holders.get(values);
    if (holders !== undefined) this.#holders.set(values, holders + 1);
  }

  drop(values: Tensor): void {
    const holders = this.#holders.get(values);
    if (holders === undefined) return;
    this.#holders.set(values, holders - 1);
    if (holders > 1) return;
    this.#holders.delete(values);
    this.spoilt++;
    values.fill(Number.NaN);
  }

  /** Values that something holds. */
  get held(): number {
    return [...this.#holders.values()].filter((holders) => holders > 0).length;
  }
}

function within(device: DeviceSession, held: Spoiling): Pick<DeviceSession, 'run' | 'held'> {
  return {
    held,
    run: async (...asked) => {
      const results = await device.run(...asked);
      for (const values of Object.values(results)) held.own(values);
      return results;
    },
  };
}

async function trained(microbatches: number, held?: Spoiling): Promise<readonly Tensor[]> {
  const compiled = compileText(MODEL, 'il', {}, microbatches);
  const split = splitTiled(compiled, 2, 1);
  const { devices, sessions: plain, states } = await openShards(split);
  const sessions = held
    ? split.map(({ schedule, program }, i) =>
        openSession(schedule, { program, files: new Map() }, within(devices[i] as DeviceSession, held)),
      )
    : plain;
  const train = compileText(MODEL, 'il').program.functions.find((f) => f.name === 'train');
  if (!train) throw new Error('no train');
  const start = (session: ShardSession, callIndex: number): void => {
    const position = { batch: callIndex, batches: BATCHES };
    session.start({ name: 'train', position, inputs: sampleOf(train, callIndex), callIndex, microbatch: 0 });
  };
  for (let callIndex = 0; callIndex < BATCHES; callIndex++) for (const session of sessions) start(session, callIndex);
  let done = 0;
  while (done < BATCHES * sessions.length)
    for (const sender of sessions) {
      const step = await sender.advance();
      if (step.kind === 'done') done++;
      for (const frame of step.kind === 'send' ? step.frames : [])
        expect(sessions.find((s) => s !== sender)?.deliver(copied(frame))).toBeUndefined();
    }
  if (held) {
    expect(held.spoilt).toBeGreaterThan(0);
    expect(held.held).toBe(0);
    // One that is given up on its way holds nothing, either.
    for (const session of sessions) start(session, BATCHES);
    for (const session of sessions) while ((await session.advance()).kind === 'send');
    expect(held.held).toBeGreaterThan(0);
    for (const session of sessions) session.reset();
    expect(held.held).toBe(0);
  }
  return states();
}

const copied = (frame: Frame): Frame => ({ ...frame, values: frame.values.map((v) => v.slice()) });

test.each([1, 2])(
  'memory of values is not reused before they are read for the last time: %i microbatches',
  async (n) => {
    const [own, again] = [await trained(n), await trained(n, new Spoiling())];
    expect(again.length).toBe(own.length);
    for (const [i, values] of own.entries()) if (i < own.length) expect([...(again[i] ?? [])]).toEqual([...values]);
  },
);
