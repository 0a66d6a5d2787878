/** The device of a trainer that does less than it says, from some batch of the training on; and one that is only of another class. */

import type { Device, DeviceSession, RunInput, Tensor } from '../../runtime/device/device.ts';
import { referenceDevice, runOnce } from '../../runtime/device/reference/reference.ts';
import type { Program } from '../../spec/program.ts';

/**
 * `skips`: every third run gives what the one before it gave; `zeros`; `frozen`: no weight ever moves; `scaled`: each moves
 * a twentieth further than it has to; `operation`: one product of each run is zeros; `reused`: every third run reads what
 * the one before it has read; `blows`: all that comes out of a run is a thousand times as large,
 * up to what may cross a border.
 */
export type Laziness = 'skips' | 'zeros' | 'frozen' | 'scaled' | 'operation' | 'reused' | 'blows';

const FURTHER = 0.05;

export function lazyDevice(laziness: Laziness, fromBatch: number, honest: Device = referenceDevice): Device {
  return {
    ...honest,
    open: async (executable) => {
      if (laziness === 'operation')
        return withoutOneProduct(await honest.open(executable), executable.program, fromBatch);
      const session = await honest.open(executable);
      const weights = executable.program.states.map(({ id }) => id);
      const lastOf = new Map<string, Record<string, Tensor>>();
      const read = new Map<string, Readonly<Record<string, RunInput>>>();
      let runs = 0;
      const run: DeviceSession['run'] = async (name, inputs, position) => {
        const asItHasTo = position.batch < fromBatch;
        const last = lastOf.get(name);
        if (laziness === 'skips' && !asItHasTo && last && ++runs % 3 === 0) return copied(last);
        const moved = laziness === 'frozen' || laziness === 'scaled';
        const before = moved && !asItHasTo ? await statesOf(session, weights) : [];
        const known = laziness === 'reused' && !asItHasTo ? read.get(name) : undefined;
        read.set(name, inputs);
        const results = await session.run(name, known && ++runs % 3 === 0 ? known : inputs, position);
        const further = laziness === 'scaled' ? 1 + FURTHER : 0;
        for (const [id, values] of before) await session.write(id, movedOn(values, await session.read(id), further));
        if (laziness === 'blows' && !asItHasTo)
          for (const values of Object.values(results)) values.set(values.map(blown));
        if (laziness === 'zeros' && !asItHasTo) for (const values of Object.values(results)) values.fill(0);
        lastOf.set(name, copied(results));
        return results;
      };
      return { ...session, run };
    },
  };
}

/** The interpreter's session, of which each run leaves out its first product. */
function withoutOneProduct(session: DeviceSession, program: Program, fromBatch: number): DeviceSession {
  const run: DeviceSession['run'] = async (name, inputs, position) => {
    const f = program.functions.find((one) => one.name === name);
    const left = f?.blocks.flatMap(({ ops }) => ops).find(({ op }) => op === 'matmul');
    if (!left || position.batch < fromBatch) return session.run(name, inputs, position);
    const states = new Map(
      await statesOf(
        session,
        program.states.map(({ id }) => id),
      ),
    );
    await session.run(name, inputs, position);
    return runOnce(program, name, { states, inputs, position }, (op, made) =>
      op === left ? new Float64Array(made.length) : made,
    );
  };
  return { ...session, run };
}

const MOST = 1e9;
const blown = (value: number): number => Math.max(-MOST, Math.min(MOST, 1000 * value));

/** @param times of the way from one to the other */
function movedOn(from: Tensor, to: Tensor, times: number): Tensor {
  return from.map((value, i) => value + times * ((to[i] as number) - value)) as Tensor;
}

async function statesOf(session: DeviceSession, ids: readonly string[]): Promise<(readonly [string, Tensor])[]> {
  return Promise.all(ids.map(async (id) => [id, await session.read(id)] as const));
}

function copied(results: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(results).map(([name, values]) => [name, values.slice()]));
}

/** The interpreter, with all that comes out of it rounded to f32: other bits than those of the interpreter, as honest. */
export const roundedDevice: Device = {
  ...referenceDevice,
  description: 'interpreter, rounded to f32',
  open: async (executable) => {
    const session = await referenceDevice.open(executable);
    const rounded = (values: Tensor): Tensor => Float64Array.from(Float32Array.from(values));
    const states = executable.program.states.map(({ id }) => id);
    return {
      ...session,
      write: (state, values) => session.write(state, rounded(values)),
      run: async (name, inputs, position) => {
        const results = await session.run(name, inputs, position);
        for (const [id, values] of await statesOf(session, states)) await session.write(id, rounded(values));
        return Object.fromEntries(Object.entries(results).map(([result, values]) => [result, rounded(values)]));
      },
    };
  },
};
