/** The two shards that are measured really take turns: each begins on what the other has handed over. */
import { expect, test } from 'vitest';
import { secondsOfTurn } from '../../../runtime/cli/measuring/handover-costs.ts';
import type { Device } from '../../../runtime/device/device.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';

test('each round runs both shards, on values that stay as they are', async () => {
  const runs: string[] = [];
  const seen = new Set<number>();
  const device: Device = {
    ...referenceDevice,
    open: async (executable) => {
      const session = await referenceDevice.open(executable);
      const run: typeof session.run = async (name, inputs, position) => {
        const results = await session.run(name, inputs, position);
        runs.push(name);
        for (const values of Object.values(results)) seen.add(values[0] ?? Number.NaN);
        return results;
      };
      return { ...session, run, prepare: () => undefined, write: (id, values) => session.write(id, values) };
    },
  };
  expect(await secondsOfTurn(device, 16)).toBeGreaterThan(0);
  expect(runs.filter((name) => name === 'ask').length).toBe(runs.filter((name) => name === 'answer').length);
  expect(runs.indexOf('answer')).toBe(runs.indexOf('ask') + 1);
  expect([...seen]).toEqual([0.5]);
});
