/** `nmc doctor` has two trainers of this machine answer each other, and keeps nothing of them. */
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Capability } from '../../spec/capability.ts';
import { COSTS, OPTIONAL_COSTS } from '../../spec/costs.ts';
import { DEFAULT_MACHINE } from '../../spec/default-machine.ts';
import { nmc } from '../support/nmc.ts';
import { removeFolder } from '../support/remove-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'nmc-e2e-doctor-'));
afterAll(() => removeFolder(folder));

test('the doctor measures each cost of a machine, those of frames between two trainers among them', async () => {
  const outcome = await nmc(['doctor', '--json'], { cwd: folder, env: { TMPDIR: folder } });
  expect(outcome.code).toBe(0);
  const { devices } = JSON.parse(outcome.stdout) as Capability;
  const costs = devices.find(({ device }) => device === 'cpu')?.measured?.costs;
  expect(Object.keys(costs ?? {}).sort()).toEqual([...COSTS, ...OPTIONAL_COSTS].sort());
  // They are this machine's own, not what stands in for them.
  for (const name of ['frame', 'window'] as const) expect(costs?.[name]).not.toBe(DEFAULT_MACHINE.costs[name]);
  for (const [name, seconds] of Object.entries(costs ?? {})) expect([name, seconds >= 0]).toEqual([name, true]);
  expect(readdirSync(folder).filter((name) => name.startsWith('nmc-doctor'))).toEqual([]);
}, 180_000);
