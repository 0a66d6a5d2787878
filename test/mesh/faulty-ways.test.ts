/** Ways that lose and change packets, a trainer that dies, one that is stopped: nothing of it is seen in the weights. */
import { expect, test, vi } from 'vitest';
import { EmulatedFaults } from '../../runtime/net/emulated-faults.ts';
import { BORDER_HEAD } from '../../runtime/wire/routing.ts';
import { filledData } from '../support/filled-data.ts';
import { shardedPlan, THINNED } from '../support/sharded-plans.ts';
import { type HostedOptions, type HostedResult, trainHosted } from './hosted.ts';

vi.setConfig({ testTimeout: 60_000 });

const plan = shardedPlan(THINNED, 2);
const train = filledData('thinned', 24, { x: 12, y: 4 }, (i) => (i % 7) / 8);

function trained(more: Partial<HostedOptions> = {}): Promise<HostedResult> {
  return trainHosted({ plan, train, checks: [], trainers: 4, epochs: 2, snapshotEvery: 2, seed: 1, ...more });
}

test('a training ends with the bits of an undisturbed one, and applies no frame that was changed', async () => {
  const calm = await trained();
  expect(calm).toMatchObject({ run: { phase: 'done', term: 1 }, lost: 0, damaged: 0 });
  const faulty = await trained({
    ...{ way: 50, loss: 0.05, damage: 0.02 },
    kills: [{ at: 2 * calm.milliseconds, trainer: 0, back: 2 * calm.milliseconds + 5000 }],
    pauses: [{ at: calm.milliseconds, trainer: 1, until: calm.milliseconds + 5000 }],
  });
  expect(faulty.run).toMatchObject({ phase: 'done', faults: [], excluded: [] });
  expect(faulty.run?.term).toBeGreaterThan(1);
  expect(faulty.lost).toBeGreaterThan(5);
  expect(faulty.damaged).toBeGreaterThan(2);
  expect(faulty.states).toEqual(calm.states);
});

test('an emulated way loses what goes through the relay alone, and changes one bit behind the head', () => {
  const packet = new Uint8Array(BORDER_HEAD + 4).fill(7);
  const losing = new EmulatedFaults({ loss: 1 }, () => 0.5);
  expect(losing.relayed(packet)).toBeUndefined();
  expect(losing.direct(packet)).toBe(packet);
  for (const at of [0, 0.3, 0.999]) {
    const bent = new EmulatedFaults({ damage: 1 }, () => at).relayed(packet) ?? packet;
    const bits = Array.from(bent, (byte, i) => (byte ^ (packet[i] ?? 0)).toString(2).replaceAll('0', '').length);
    expect(bits.reduce((sum, n) => sum + n, 0)).toBe(1);
    expect(bits.findIndex((n) => n > 0)).toBeGreaterThanOrEqual(BORDER_HEAD);
  }
  expect(packet).toEqual(new Uint8Array(BORDER_HEAD + 4).fill(7));
});
