/** What was computed on another class of device is compared within a bound: who has not computed it is found all the same. */
import { expect, test, vi } from 'vitest';
import { makeTemporaryFolder, removeAll } from '../../runtime/support/safe-files.ts';
import { type Laziness, lazyDevice, roundedDevice } from '../support/lazy-device.ts';
import { planOf, points } from './chain-model.ts';
import { type HostedResult, trainHosted } from './hosted.ts';

vi.setConfig({ testTimeout: 60_000 });

const LAZY = 1;
const PLAN = planOf(3, 0);

/** One epoch of seven batches, in stretches of two, on a device that rounds; it is done again by the interpreter. */
async function auditedElsewhere(laziness: Laziness): Promise<HostedResult> {
  const folder = makeTemporaryFolder('nmc-other-class-');
  try {
    return await trainHosted({
      ...{ plan: PLAN, train: points, checks: [points], trainers: 3, epochs: 1, seed: 1, snapshotEvery: 100 },
      ...{ stretches: { batches: 2, bytes: 2 ** 30, keep: 2 ** 30 }, records: folder },
      ...{ audits: true, limits: { auditRate: 1 } },
      device: (trainer) => (trainer === LAZY ? lazyDevice(laziness, 2, roundedDevice) : roundedDevice),
    });
  } finally {
    removeAll(folder);
  }
}

test.each(['skips', 'zeros', 'frozen', 'scaled'] as const)(
  'a trainer of another class that %s is found, and no other one',
  async (laziness) => {
    const { verdicts, log } = await auditedElsewhere(laziness);
    const lazy = log.filter((e) => e.event === 'audit' && e.trainer === `node-${LAZY}`);
    expect(lazy.filter(({ verdict }) => verdict === 'mismatch').length).toBeGreaterThan(0);
    const wrong = new Set(verdicts.filter(({ verdict }) => verdict !== 'match').map(({ trainer }) => trainer));
    expect([...wrong]).toEqual([lazy[0]?.key]);
    expect(lazy.find(({ from }) => from === 0)).toMatchObject({
      ...{ verdict: 'match', why: expect.stringContaining('of what they may be apart') },
    });
  },
);
