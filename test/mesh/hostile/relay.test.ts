/** Two real trainers with a hostile relay between them, or one of the two hostile: over real sockets. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Device, DeviceSession } from '../../../runtime/device/device.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import { ShardBorders } from '../../../runtime/net/shard-borders.ts';
import { verdictOn } from '../../../runtime/wire/evidence.ts';
import { TwoTrainers, trainerKeys } from './two-trainers.ts';

const patience = { timeout: 20_000, interval: 20 };
vi.setConfig({ testTimeout: 60_000 });
let pair: TwoTrainers;
afterEach(async () => {
  vi.restoreAllMocks();
  await pair.end();
});

/** Packets that came after now. */
async function more(packets: number): Promise<void> {
  const from = pair.heads.length;
  await expect.poll(() => pair.heads.length, patience).toBeGreaterThan(from + packets);
}

function usedTwice(): string[] {
  const nonces = pair.heads.map(({ term, from, keys, counter }) => `${term}/${from}/${keys}/${counter}`);
  const seen = new Set<string>();
  return nonces.filter((nonce) => seen.size === seen.add(nonce).size);
}

test('a relay that repeats a neighbour’s earlier exchange causes no key and counter twice, and the training goes on', async () => {
  pair = new TwoTrainers();
  await pair.begin();
  await more(40);
  pair.cut(1);
  await expect.poll(() => pair.exchanges[1].length, patience).toBe(2);
  await more(40);
  const [[own], [replaced]] = pair.exchanges;
  for (let i = 0; i < 5; i++) {
    pair.tell(0, [own, replaced]);
    pair.tell(0);
    await more(20);
  }
  pair.tell(0, [own, replaced]);
  await more(40);
  expect(usedTwice()).toEqual([]);
  expect([pair.disputes, pair.failed]).toEqual([[], []]);
  const calls = pair.reports[0]?.calls ?? 0;
  await expect.poll(() => pair.reports[0]?.calls ?? 0, patience).toBeGreaterThan(calls);
});

/** As a trainer that has left out the look at its own values. */
function lying(value: number): void {
  const honest = ShardBorders.prototype.send;
  vi.spyOn(ShardBorders.prototype, 'send').mockImplementation(function (this: ShardBorders, frame, to) {
    if (to !== 1 || this.term > 1 || frame.callIndex < 2) return honest.call(this, frame, to);
    const values = frame.values.map((v) => v.map((x, i) => (i === 0 ? value : x)));
    return honest.call(this, { ...frame, values }, to);
  });
}

describe.each([
  ['a value that is not a number', Number.NaN],
  ['a value that is too large', 1e30],
])('a neighbour that sends %s', (_, value) => {
  test('is proved to lie on each new connection until a new term begins, and no shard fails', async () => {
    lying(value);
    pair = new TwoTrainers();
    await pair.begin();
    await expect.poll(() => pair.disputes.length, patience).toBe(1);
    const [dispute] = pair.disputes;
    expect(dispute).toMatchObject({ term: 1, shard: 1, peer: 0, call: 2, what: 'values' });
    expect(dispute && verdictOn({ run: dispute.run, term: 1 }, trainerKeys[0] ?? '', dispute)).toBe('proved');
    await expect
      .poll(() => pair.reports[1], patience)
      .toMatchObject({
        state: 'waiting',
        reason: 'disputes with shard 0',
        waits: [0],
      });
    // The word may have been lost with the connection.
    pair.cut(1);
    await expect.poll(() => pair.disputes.length, patience).toBe(2);
    pair.newTerm();
    await expect.poll(() => pair.reports[1], patience).toMatchObject({ term: 2 });
    await expect.poll(() => pair.reports[1]?.calls ?? 0, patience).toBeGreaterThan(3);
    expect(pair.disputes).toHaveLength(2);
    expect(pair.failed).toEqual([]);
  });
});

/** A device that fails in its own way, as an honest trainer's may. */
function wrongFrom(call: number, value: number): Device {
  const open: Device['open'] = async (executable) => {
    const session = await referenceDevice.open(executable);
    let calls = 0;
    const run: DeviceSession['run'] = async (...args) => {
      const results = await session.run(...args);
      if (++calls > call) for (const tensor of Object.values(results)) tensor.fill(value);
      return results;
    };
    return {
      run,
      write: (...args) => session.write(...args),
      read: (...args) => session.read(...args),
      prepare: (...args) => session.prepare(...args),
      close: () => session.close(),
    };
  };
  return { ...referenceDevice, open };
}

describe.each([
  [Number.NaN, 'energy/not-finite', 'no longer a finite number'],
  [1e13, 'border/range', 'too large'],
])('a trainer whose own device makes %s', (value, code, words) => {
  test.each([
    ['another trainer', 1],
    ['the same one', 0],
  ])('fails by itself, and its neighbour, on %s, does not accuse it', async (_, neighbour) => {
    pair = new TwoTrainers([0, neighbour]);
    await pair.begin([wrongFrom(20, value), referenceDevice]);
    await expect.poll(() => pair.failed.length, patience).toBeGreaterThan(0);
    expect(pair.failed[0]).toMatchObject({ code, reason: expect.stringContaining(words) });
    if (neighbour === 1) expect(pair.failed).toMatchObject([{ shard: 0 }]);
    expect(pair.disputes).toEqual([]);
  });
});
