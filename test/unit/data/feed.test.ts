import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Dataset, memoryDataset } from '../../../runtime/data/dataset.ts';
import { type Batch, feedBatches } from '../../../runtime/data/feed.ts';
import { batchOrder } from '../../../runtime/data/order.ts';

function numbers(length: number): Dataset {
  return memoryDataset('numbers', '', [
    { field: { name: 'n', type: 'i32', shape: [] }, data: Int32Array.from({ length }, (_, i) => i) },
    { field: { name: 'pair', type: 'f32', shape: [2] }, data: Float32Array.from({ length: 2 * length }, (_, i) => i) },
  ]);
}

async function collect(feed: AsyncIterable<Batch>): Promise<string[]> {
  const out: string[] = [];
  for await (const { epoch, batch, count, fields, release } of feed) {
    expect(fields.n?.length).toBe(count);
    out.push(`${epoch}/${batch}: ${[...(fields.n ?? [])].join(' ')}`);
    release();
  }
  return out;
}

describe('batchOrder', () => {
  it('visits every sample once, whatever the sizes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 200 }),
        fc.integer({ min: 1, max: 64 }),
        fc.nat(),
        (length, batch, seed) => {
          const order = batchOrder({ seed, epoch: 3, length, batch });
          const seen = Array.from({ length: order.batches }, (_, b) => [...order.indices(b)]).flat();
          expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i));
        },
      ),
      { seed: 5, numRuns: 100 },
    );
  });

  it('depends on seed and epoch alone', () => {
    const of = (seed: number, epoch: number) => [...batchOrder({ seed, epoch, length: 30, batch: 30 }).indices(0)];
    expect(of(1, 0)).toEqual(of(1, 0));
    expect(of(1, 0)).not.toEqual(of(1, 1));
    expect(of(1, 0)).not.toEqual(of(2, 0));
  });

  it('drops a last batch that is not full where it is told to', () => {
    expect(batchOrder({ seed: 1, epoch: 0, length: 10, batch: 4 }).batches).toBe(3);
    expect(batchOrder({ seed: 1, epoch: 0, length: 10, batch: 4, dropLast: true }).batches).toBe(2);
    expect(batchOrder({ seed: 1, epoch: 0, length: 10, batch: 4, dropLast: true }).indices(1).length).toBe(4);
  });

  it('keeps the order of the samples without shuffling', () => {
    const order = batchOrder({ seed: 1, epoch: 0, length: 5, batch: 3, shuffle: false });
    expect([...order.indices(0), ...order.indices(1)]).toEqual([0, 1, 2, 3, 4]);
  });
});

describe('feedBatches', () => {
  const order = { seed: 4, batch: 7, epochs: 3 };

  it('feeds what the order says, epoch after epoch', async () => {
    const fed = await collect(feedBatches(numbers(40), order, ['n']));
    const expected = [0, 1, 2].flatMap((epoch) => {
      const { batches, indices } = batchOrder({ ...order, epoch, length: 40 });
      return Array.from({ length: batches }, (_, b) => `${epoch}/${b}: ${[...indices(b)].join(' ')}`);
    });
    expect(fed).toEqual(expected);
  });

  it('goes on exactly from any position', async () => {
    const whole = await collect(feedBatches(numbers(40), order, ['n']));
    for (const at of [1, 5, 6, 11, 17]) {
      const from = { epoch: Math.floor(at / 6), batch: at % 6 };
      expect(await collect(feedBatches(numbers(40), order, ['n'], from))).toEqual(whole.slice(at));
    }
    // The place after the last batch of an epoch is the first of the next.
    expect(await collect(feedBatches(numbers(40), order, ['n'], { epoch: 0, batch: 6 }))).toEqual(whole.slice(6));
    expect(await collect(feedBatches(numbers(40), order, ['n'], { epoch: 3, batch: 0 }))).toEqual([]);
  });

  it('gathers all fields of the same rows', async () => {
    for await (const { fields, count, release } of feedBatches(numbers(40), { ...order, epochs: 1 }, ['n', 'pair'])) {
      const expected = [...(fields.n ?? [])].flatMap((n) => [2 * n, 2 * n + 1]);
      expect([...(fields.pair ?? [])]).toEqual(expected);
      expect(fields.pair?.length).toBe(2 * count);
      release();
    }
  });

  it('uses a bounded set of buffers over and over', async () => {
    const seen = new Set<ArrayBufferLike>();
    for await (const { fields, release } of feedBatches(numbers(1000), { ...order, epochs: 2 }, ['n'], undefined, {
      ahead: 2,
    })) {
      if (fields.n) seen.add(fields.n.buffer);
      release();
    }
    expect(seen.size).toBeLessThanOrEqual(3);
  });

  it('does not overwrite a batch that is held', async () => {
    const feed = feedBatches(numbers(100), order, ['n'], undefined, { ahead: 2 });
    const first = (await feed.next()).value as Batch;
    const copy = [...(first.fields.n ?? [])];
    for (let i = 0; i < 10; i++) {
      const next = (await feed.next()).value as Batch;
      expect(next.fields.n?.buffer).not.toBe(first.fields.n?.buffer);
      next.release();
    }
    expect([...(first.fields.n ?? [])]).toEqual(copy);
    await feed.return?.();
  });

  it('says so when every batch is held', async () => {
    const feed = feedBatches(numbers(100), order, ['n'], undefined, { ahead: 1 });
    await feed.next();
    await feed.next();
    await expect(feed.next()).rejects.toThrow('release one');
  });

  it('ends when it is told to, and at once where there is nothing to feed', async () => {
    const feed = feedBatches(numbers(100), order, ['n']);
    await feed.next();
    await feed.return?.();
    expect((await feed.next()).done).toBe(true);
    expect(await collect(feedBatches(numbers(100), { ...order, epochs: 0 }, ['n']))).toEqual([]);
    expect(await collect(feedBatches(numbers(3), { ...order, dropLast: true }, ['n']))).toEqual([]);
  });

  it('passes on errors of the data set', async () => {
    const broken: Dataset = {
      ...numbers(10),
      gather: () => {
        throw new Error('disk gone');
      },
    };
    await expect(feedBatches(broken, order, ['n']).next()).rejects.toThrow('disk gone');
    expect(() => feedBatches(numbers(10), order, ['pixels'])).toThrow(expect.objectContaining({ code: 'data/field' }));
  });

  it('passes on the indices of samples that the reader knows, and fetches the others', async () => {
    let fetched = 0;
    const base = numbers(12);
    const counting: Dataset = {
      ...base,
      gather(field, indices, out) {
        fetched += indices.length;
        base.gather(field, indices, out);
      },
    };
    const seen = new Set<number>();
    const known = (rows: Uint32Array): boolean => rows.every((row) => seen.has(row));
    const order = { seed: 4, batch: 4, epochs: 3 };
    const ordered = (epoch: number, batch: number) => [...batchOrder({ ...order, epoch, length: 12 }).indices(batch)];
    for await (const fed of feedBatches(counting, order, ['n'], { epoch: 0, batch: 0 }, { known, ahead: 1 })) {
      expect([...fed.rows]).toEqual(ordered(fed.epoch, fed.batch));
      if (fed.epoch > 0) expect(fed.fields).toEqual({});
      else expect([...(fed.fields.n ?? [])]).toEqual([...fed.rows]);
      for (const row of fed.rows) seen.add(row);
      fed.release();
    }
    expect(fetched).toBe(12);
  });

  it('yields to the process while much is drawn', async () => {
    let turns = 0;
    const base = numbers(20_000);
    let rows = 0;
    const slow: Dataset = {
      ...base,
      gather(field, indices, out) {
        rows += indices.length;
        const end = performance.now() + 1;
        while (performance.now() < end);
        base.gather(field, indices, out);
      },
    };
    const ticking = setInterval(() => turns++, 0);
    const feed = feedBatches(slow, { seed: 1, batch: 3200, epochs: 1 }, ['n']);
    await feed.next();
    clearInterval(ticking);
    await feed.return?.();
    expect(rows).toBeGreaterThanOrEqual(3200);
    expect(turns).toBeGreaterThan(2);
  });
});
