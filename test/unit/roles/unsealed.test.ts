/** Stretches that their trainers have signed: they are paid when they are sealed, since only these can be drawn. */
import { describe, expect, test } from 'vitest';
import { pledgeOf } from '../../../runtime/audit/draw.ts';
import { DRAW_PATIENCE_MS, isUnderWay } from '../../../runtime/roles/audit-terms.ts';
import { checkedChain, Driver, hash, RUN } from '../../mesh/hostile/role-driver.ts';

const nonceOf = (shard: number, from: number): string => `number of ${shard} for ${from}`;

/** The first stretch of a shard. */
function seal(driver: Driver, shard: number): void {
  driver.ofShard(shard, { type: 'pledge', from: 0, pledge: pledgeOf(nonceOf(shard, 0)) });
  const state = { calls: 1, hash: hash('a'), sig: '' };
  const numbers = { nonce: nonceOf(shard, 0), next: pledgeOf(nonceOf(shard, 1)) };
  driver.ofShard(shard, { type: 'sealed', seals: [{ from: 0, calls: 1, state, windows: hash('b'), ...numbers }] });
}

describe('a stretch that was signed and not sealed', () => {
  const stretches = { batches: 1, bytes: 1e9, keep: 1e9 };
  /** Both shards have signed three stretches, and sealed the first of them. */
  const signed = (): Driver => {
    const trainers = ['a', 'b', 'c'];
    const driver = new Driver(trainers, { ...checkedChain(), stretches }, { auditRate: 1, newKeyRate: 1 });
    for (const name of trainers) driver.join(name, { audits: true });
    driver.start();
    const states = [1, 2, 3].map((calls) => ({ calls, hash: hash('a'), sig: '' }));
    for (const shard of [0, 1]) driver.ofShard(shard, { type: 'commit', states });
    driver.enter({ kind: 'pledged', run: RUN, term: 1, secret: hash('5') });
    for (const shard of [0, 1]) seal(driver, shard);
    return driver;
  };
  const waits = (driver: Driver, shard: number) =>
    [0, 1, 2].map((from) => isUnderWay(driver.run, { run: RUN, shard, term: 1, from }));
  const never = (driver: Driver) =>
    driver.effects.flatMap((e) =>
      e.kind === 'verdict' && e.verdict.verdict === 'unsealed' ? [[e.verdict.shard, e.verdict.from, e.verdict.to]] : [],
    );
  /** All that was drawn. */
  const match = (driver: Driver): void => {
    for (const { run, term, from, trainer } of driver.effects.filter((e) => e.kind === 'audit'))
      driver.enter({ kind: 'audited', run, term, from, trainer, verdict: 'match' });
  };

  test('is not paid while its seal may come, and never when its term is over', () => {
    const driver = signed();
    match(driver);
    expect(waits(driver, 1)).toEqual([false, true, true]);
    const [first, second] = driver.run.owners;
    driver.enter({ kind: 'expelled', key: second ?? '', reason: 'it is gone' });
    expect(driver.run.term).toBe(2);
    // The last ones come when the term is over: as far as they were signed.
    const state = { calls: 2, hash: hash('a'), sig: '' };
    const seals = [{ from: 1, calls: 2, state, windows: hash('b'), nonce: nonceOf(0, 1), next: hash('c') }];
    driver.say(first ?? '', { type: 'sealed', run: RUN, term: 1, shard: 0, seals });
    expect(waits(driver, 0)).toEqual([false, true, true]);
    expect(never(driver)).toEqual([]);
    driver.start().pass(DRAW_PATIENCE_MS + 2000);
    match(driver);
    expect(never(driver)).toEqual([
      [0, 2, 3],
      [1, 1, 2],
      [1, 2, 3],
    ]);
    expect(driver.events('unsealed')).toMatchObject([
      { epoch: 1, shard: 0, from: 2, calls: 3, stretches: 1 },
      { epoch: 1, shard: 1, key: second, from: 1, calls: 3, stretches: 2 },
    ]);
    expect([...waits(driver, 0), ...waits(driver, 1)]).toEqual(Array(6).fill(false));
    expect(driver.run.marks).toBeUndefined();
  });
});
