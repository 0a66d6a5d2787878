/** The synchronizer's driver over ports of a test: in which order effects are carried out, and what stops them. */
import { expect, test } from 'vitest';
import type { Ending } from '../../../runtime/driver/ending.ts';
import { SynchronizerDriver } from '../../../runtime/driver/synchronizer-driver.ts';
import { emptySynchronizer } from '../../../runtime/roles/synchronizer.ts';
import type { StoredRun } from '../../../runtime/roles/synchronizer-state.ts';
import { chain } from '../../mesh/simulated.ts';

function drive(durable: 'at once' | 'later') {
  const carried: string[] = [];
  const persisting: Ending<void>[] = [];
  const stored = new Map<string, StoredRun>();
  const at: number[] = [];
  let now = 0;
  const driver = new SynchronizerDriver(
    {
      store: {
        persist: (run, value, ending) => {
          carried.push('persist');
          stored.set(run, value);
          if (durable === 'at once') ending.done();
          else persisting.push(ending);
        },
        log: (_run, _event, { done }) => {
          carried.push('log');
          done();
        },
        keep: (_stream, _value, { done }) => done(),
      },
      trainers: {
        send: (_to, { type }) => carried.push(`send ${type}`),
        reconnect: () => carried.push('reconnect'),
        dismiss: () => carried.push('dismiss'),
      },
      work: ({ kind }) => carried.push(kind),
      now: () => ++now,
      note: (_before, _event, time) => at.push(time),
      failed: (error) => carried.push(`failed: ${error instanceof Error ? error.message : ''}`),
    },
    emptySynchronizer(0),
  );
  const capability = { cores: 1, memory: 1e12, rate: 1, upload: 0, download: 0, machine: 'm' };
  const join = (name: string): void =>
    driver.happen({
      kind: 'message',
      from: name,
      message: { type: 'member', name, instance: '0'.repeat(16), capability },
    });
  const deploy = (): void => driver.happen({ kind: 'deploy', deployment: chain(1, 4, 1, 2), hash: 'h' });
  return { driver, carried, persisting, stored, at, join, deploy };
}

/** Effects that were carried out since the last look. */
const taken = (carried: string[]): string[] => carried.splice(0);

test('a synchronizer announces only what is durable', () => {
  const { carried, persisting, join, deploy, driver } = drive('later');
  join('a');
  taken(carried);
  deploy();
  driver.happen({ kind: 'tick' });
  expect(taken(carried)).toEqual(['persist']);
  for (let ending = persisting.shift(); ending; ending = persisting.shift()) ending.done();
  const order = taken(carried);
  expect(order).toContain('send assign');
  expect(order.indexOf('send assign')).toBeGreaterThan(order.lastIndexOf('persist'));
});

test('a caller that waits for a decision is answered when all of it is carried out', () => {
  const { carried, persisting, join, deploy, driver } = drive('later');
  join('a');
  deploy();
  let over = false;
  driver.after(() => {
    over = true;
  });
  taken(carried);
  expect(over).toBe(false);
  for (let ending = persisting.shift(); ending; ending = persisting.shift()) ending.done();
  expect(over).toBe(true);
});

test('no effect is carried out after one that failed', () => {
  const { carried, persisting, join, deploy } = drive('later');
  join('a');
  deploy();
  taken(carried);
  persisting[0]?.failed(new Error('changed by another'));
  expect(taken(carried)).toEqual(['failed: changed by another']);
  join('b');
  expect(taken(carried)).toEqual([]);
});

test('no effect is carried out after the driver has ended', () => {
  const { carried, persisting, join, deploy, driver } = drive('later');
  join('a');
  deploy();
  taken(carried);
  driver.stop();
  persisting[0]?.done();
  expect(taken(carried)).toEqual([]);
});

test('a synchronizer goes on with the stored runs, and notes every event with its time', () => {
  const first = drive('at once');
  first.join('a');
  first.deploy();
  expect(first.at).toEqual([1, 2]);
  const again = drive('at once');
  again.driver.restore([...first.stored.values()]);
  expect(Object.keys(again.driver.state.runs)).toEqual(['chain-1']);
});

test('effects that end at once are carried out one after the other, not nested', () => {
  const { driver } = drive('at once');
  let count = 0;
  const again = (): void => {
    count++;
    if (count < 100_000) driver.after(again);
  };
  driver.after(again);
  expect(count).toBe(100_000);
});
