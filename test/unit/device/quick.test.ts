/** Small functions run in the thread that asks, with the same predictions and with newer weights when these come. */
import { afterAll, expect, test } from 'vitest';
import { executablesOf } from '../../../runtime/cli/compiling/plan-executables.ts';
import { allSizes } from '../../../runtime/cli/compiling/sized-functions.ts';
import { openPlan } from '../../../runtime/cli/planning/open-plan.ts';
import { cpuDevice } from '../../../runtime/device/cpu/cpu.ts';
import { besideQuick } from '../../../runtime/device/cpu/quick.ts';
import type { DeviceSession, Executable } from '../../../runtime/device/device.ts';
import { fillStates } from '../../../runtime/shard/shard.ts';
import { stream } from '../../../spec/random.ts';
import { makePlan, remove, writeMade } from '../plan/make-plan.ts';

/** A sparse link is laid out as a matrix by the device: its states stay with the session. */
const MODEL = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model m {
  sense x: f32[6]
  node  h: f32[8] = nodes.gaussian(act = tanh)
  node  y: f32[3]
  link x -> h = links.dense()
  link h -> y = links.sparse(density = 0.5)
}

train t of m on data.file("d.npz", x = f32[6], y = f32[3]) {
  clamp x = sample.x
  clamp y = sample.y
  method    = learn.bp()
  optimizer = learn.sgd()
  batch     = 16
  epochs    = 1
}

predict p of m {
  clamp x = input.x
  read y = y
}
`;

const QUICK = 'predict.p@1';
const folder = writeMade(makePlan(MODEL));
afterAll(() => remove(folder));

async function executable(): Promise<Executable> {
  const sized = allSizes(openPlan(folder));
  const [source] = await executablesOf(folder, sized.loaded, cpuDevice, sized);
  if (!source) throw new Error('a plan has a shard');
  return source.executable;
}

/** A session that runs nothing itself. */
function idle(): { readonly session: DeviceSession; readonly ran: string[] } {
  const ran: string[] = [];
  const session: DeviceSession = {
    write: async () => undefined,
    read: async () => new Float32Array(),
    run: async (name) => {
      ran.push(name);
      return {};
    },
    prepare: () => undefined,
    close: async () => undefined,
  };
  return { session, ran };
}

const x = Float32Array.from({ length: 6 }, (_, i) => i / 6);
const START = { batch: 0, batches: 1 };

test('a function for one sample is quick, and gives what a thread of the device gives', async () => {
  const found = await executable();
  expect(found.quick).toContain(QUICK);
  const { quick: _quick, ...plain } = found;
  const { session, ran } = idle();
  const [thread, here] = [await cpuDevice.open(plain), besideQuick(session, found)];
  for (const one of [thread, here]) await fillStates(one, found.program.states, { seed: 4, statistics: new Map() });
  const expected = await thread.run(QUICK, { x }, START);
  const result = await here.run(QUICK, { x }, START);
  expect(result.y).toHaveLength(3);
  result.y?.forEach((value, i) => {
    expect(value).toBeCloseTo(expected.y?.[i] ?? Number.NaN, 5);
  });
  await here.run('predict.p', {}, START);
  expect(ran).toEqual(['predict.p']);
  await Promise.all([thread.close(), here.close()]);
});

test('newer weights are used from the next call on', async () => {
  const found = await executable();
  const here = besideQuick(idle().session, found);
  await fillStates(here, found.program.states, { seed: 4, statistics: new Map() });
  const before = await here.run(QUICK, { x }, START);
  const weights = found.program.states.find((s) => s.id === 'x->h.weight') ?? found.program.states[0];
  const rng = stream(9, 'weights');
  await here.write(
    weights?.id ?? '',
    Float32Array.from({ length: 48 }, (_, i) => rng.normal(i)),
  );
  const after = await here.run(QUICK, { x }, START);
  expect(after.y).not.toEqual(before.y);
  await here.close();
});

test('a function that changes a state is never quick', async () => {
  const found = await executable();
  const manifest = JSON.parse(new TextDecoder().decode(found.files.get(`cpu/${QUICK}.json`)));
  const state = { ...manifest.outputs[0], state: 'x->h.w', result: undefined };
  const changed = new TextEncoder().encode(JSON.stringify({ ...manifest, outputs: [...manifest.outputs, state] }));
  const { session, ran } = idle();
  const files = new Map([...found.files, [`cpu/${QUICK}.json`, changed]]);
  await besideQuick(session, { ...found, quick: [QUICK], files }).run(QUICK, { x }, START);
  expect(ran).toEqual([QUICK]);
});
