/** A unit that a driver offers, and that does not multiply rightly, is not used. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { trustedBy } from '../../../runtime/cli/measuring/trusted-halves.ts';
import type { Device, DeviceSession, Tensor } from '../../../runtime/device/device.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import { SCALAR_HALVES } from '../../../spec/precision.ts';

// Nothing that was measured on this machine counts.
beforeEach(() => void vi.stubEnv('XDG_CACHE_HOME', '/nonexistent'));
afterEach(() => void vi.unstubAllEnvs());

const UNITS = [{ kind: 'matrices', m: 16, n: 16, k: 16, lanes: 32, sized: false }, SCALAR_HALVES] as const;

/** The reference, whose results come out changed. */
function device(change: (y: Tensor) => Tensor): Device {
  const open = async (...given: Parameters<Device['open']>): Promise<DeviceSession> => {
    const session = await referenceDevice.open(...given);
    return {
      write: (state, values) => session.write(state, values),
      read: async (state) => change(await session.read(state)),
      run: (name, inputs, position) => session.run(name, inputs, position),
      prepare: (name) => session.prepare(name),
      close: () => session.close(),
    };
  };
  return { name: 'webgpu', description: 'a GPU', halves: UNITS, open };
}

test('units whose products are right are trusted, in the order in which they were offered', async () => {
  expect(await trustedBy(device((y) => y))).toEqual(UNITS);
  expect(await trustedBy(device((y) => Float32Array.from(y)))).toEqual(UNITS);
});

test.each<[string, (y: Tensor) => Tensor]>([
  ['one element is off', (y) => y.map((v, i) => (i === 5000 ? v + 0.01 : v))],
  ['one is not a number', (y) => y.map((v, i) => (i === 16383 ? Number.NaN : v))],
  ['elements are missing', (y) => y.subarray(1)],
  ['sums have the digits of f16', (y) => y.map((v) => Math.round(v * 256) / 256)],
  ['nothing was written', (y) => y.map(() => 0)],
])('units are not trusted where %s', async (_, change) => {
  expect(await trustedBy(device(change))).toEqual([]);
});

test('a driver that refuses the kernels is not trusted', async () => {
  const refusing: Device = { ...device((y) => y), open: () => Promise.reject(new Error('no such unit')) };
  expect(await trustedBy(refusing)).toEqual([]);
});
