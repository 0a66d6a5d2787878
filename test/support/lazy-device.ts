/** The reference device of a trainer that does less than it says, from some batch of the training on. */
import type { Device, DeviceSession, Tensor } from '../../runtime/device/device.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';

/** `skips`: every third run gives what the one before it gave; `zeros`; `frozen`: no weight ever moves. */
export type Laziness = 'skips' | 'zeros' | 'frozen';

export function lazyDevice(laziness: Laziness, fromBatch: number): Device {
  return {
    ...referenceDevice,
    open: async (executable) => {
      const session = await referenceDevice.open(executable);
      const weights = executable.program.states.map(({ id }) => id);
      const lastOf = new Map<string, Record<string, Tensor>>();
      let runs = 0;
      const run: DeviceSession['run'] = async (name, inputs, position) => {
        const honest = position.batch < fromBatch;
        const last = lastOf.get(name);
        if (laziness === 'skips' && !honest && last && ++runs % 3 === 0) return copied(last);
        const before = laziness === 'frozen' && !honest ? await statesOf(session, weights) : [];
        const results = await session.run(name, inputs, position);
        for (const [id, values] of before) await session.write(id, values);
        if (laziness === 'zeros' && !honest) for (const values of Object.values(results)) values.fill(0);
        lastOf.set(name, copied(results));
        return results;
      };
      return { ...session, run };
    },
  };
}

async function statesOf(session: DeviceSession, ids: readonly string[]): Promise<(readonly [string, Tensor])[]> {
  return Promise.all(ids.map(async (id) => [id, await session.read(id)] as const));
}

function copied(results: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(results).map(([name, values]) => [name, values.slice()]));
}
