import { describe, expect, it } from 'vitest';
import { NextInputs } from '../../../runtime/net/next-inputs.ts';
import { callAt } from '../../../runtime/training/calls.ts';
import { chain } from '../../mesh/simulated.ts';

/** Two epochs of three batches; each element of a call's inputs is its batch. */
const deployment = chain(2, 3, 2, 3);

function reading(elements: number) {
  const read: string[] = [];
  const inputs = new NextInputs(deployment, {
    inputs: ({ epoch, batch }) => {
      read.push(`${epoch}/${batch}`);
      return { image: new Uint8Array(elements).fill(batch) };
    },
  });
  const begin = (callIndex: number, isHeld = true) => inputs.of(callIndex, callAt(deployment, callIndex), isHeld);
  return { inputs, begin, read };
}

describe('NextInputs', () => {
  it('gathers those of the next call once, and gives them to no other', () => {
    const { inputs, begin, read } = reading(4);
    expect(inputs.gather()).toBe(false);
    begin(0);
    expect([inputs.gather(), inputs.gather()]).toEqual([true, false]);
    expect(read).toEqual(['0/0', '0/1']);
    expect(begin(1)).toEqual({ image: new Uint8Array(4).fill(1) });
    expect(read).toHaveLength(2);
    inputs.gather();
    expect(begin(4)).toEqual({ image: new Uint8Array(4).fill(1) });
    expect(read).toEqual(['0/0', '0/1', '0/2', '1/1']);
  });

  it('gathers nothing behind the last call, where the shard begins elsewhere, or where data lie on the disk', () => {
    const { inputs, begin } = reading(4);
    begin(5);
    expect(inputs.gather()).toBe(false);
    begin(0, false);
    expect(inputs.gather()).toBe(false);
    begin(0);
    inputs.forget();
    expect(inputs.gather()).toBe(false);
  });

  it('gathers none that take much memory', () => {
    const { inputs, begin } = reading(2 ** 20 + 1);
    begin(0);
    expect(inputs.gather()).toBe(false);
  });
});
