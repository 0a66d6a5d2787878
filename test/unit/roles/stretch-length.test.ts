/** How many batches a stretch has: closed forms of what a commitment costs and of what a record holds. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  COMMITMENT_SHARE,
  KEPT_BYTES,
  RECORD_BYTES,
  stretchesOf,
  stretchLength,
} from '../../../runtime/roles/stretch-length.ts';
import { DEFAULT_MACHINE } from '../../../spec/default-machine.ts';

const cheap = { work: 1, commitment: 0, state: 0, frames: 0 };

test('a commitment that costs a twentieth of a batch is made every third batch', () => {
  const one = { ...cheap, commitment: 0.05 };
  expect(stretchLength([one], 0.02)).toEqual({ batches: 3, share: 0.05 / 3, bytes: 0 });
  expect(stretchLength([{ ...one, commitment: 0.02 }], 0.02).batches).toBe(1);
  expect(stretchLength([cheap]).batches).toBe(1);
});

test('the shard whose commitments cost most decides', () => {
  expect(stretchLength([cheap, { ...cheap, commitment: 1 }, { ...cheap, commitment: 0.5 }], 0.02).batches).toBe(50);
});

test('a record has room for a state and the frames of a stretch', () => {
  const large = { work: 1, commitment: 1, state: 400, frames: 30 };
  expect(stretchLength([large], 0.02, 1000)).toEqual({ batches: 20, share: 0.05, bytes: 1000 });
  // The state alone does not fit: a stretch cannot be shorter than a batch.
  expect(stretchLength([large], 0.02, 100)).toEqual({ batches: 1, share: 1, bytes: 430 });
});

test('costs stay below their share and records within their bytes wherever both can hold', () => {
  const shard = fc.record({
    work: fc.double({ min: 1e-4, max: 10, noNaN: true }),
    commitment: fc.double({ min: 0, max: 1, noNaN: true }),
    state: fc.integer({ min: 0, max: 1e9 }),
    frames: fc.integer({ min: 0, max: 1e8 }),
  });
  fc.assert(
    fc.property(fc.array(shard, { minLength: 1, maxLength: 4 }), (shards) => {
      const { batches, share, bytes } = stretchLength(shards, COMMITMENT_SHARE);
      const fewer = stretchLength(shards, COMMITMENT_SHARE, Number.POSITIVE_INFINITY);
      expect(batches).toBeGreaterThanOrEqual(1);
      expect(batches).toBeLessThanOrEqual(fewer.batches);
      if (fewer.batches < 1_000_000) expect(fewer.share).toBeLessThanOrEqual(COMMITMENT_SHARE * (1 + 1e-9));
      if (batches > 1) expect(bytes).toBeLessThanOrEqual(RECORD_BYTES);
      if (bytes <= RECORD_BYTES && batches === fewer.batches) expect(share).toBe(fewer.share);
    }),
  );
});

test('the machine on which hashing costs most decides for a deployment, and a default machine without measurements', () => {
  const work = { calls: 0, operations: 0, bytes: 0, values: 0, valueBytes: 0 };
  // A second of work on a machine whose commitments cost their hashing alone, 75 ms.
  const costs = { ...DEFAULT_MACHINE.costs, commit: 0, recordByte: 0 };
  const plain = { ...DEFAULT_MACHINE, costs };
  const need = { work: { ...work, flops: 1 / costs.flop, state: 0.075 / costs.stateByte }, sends: [] };
  const other = { ...need, sends: [{ to: 0, bytes: 1e6, frames: 8, hops: 8 }] };
  const usual = { batches: 5, bytes: RECORD_BYTES, keep: KEPT_BYTES };
  expect(stretchesOf([need, other], [plain])).toEqual(usual);
  const slow = { ...plain, costs: { ...costs, stateByte: 2 * costs.stateByte } };
  expect(stretchesOf([need, other], [plain, slow]).batches).toBe(10);
  const unmeasured = [{ rate: 1e12, cores: 8 }];
  expect(stretchesOf([need, other], unmeasured)).toEqual(stretchesOf([need, other], [DEFAULT_MACHINE]));
});
