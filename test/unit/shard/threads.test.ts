/** Shards in threads of one process: the bits of the same shards run from one thread, and no thread waits for ever. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { twofold } from '../../../compiler/6-partition/shards/twofold.ts';
import { lowerEachToCpu } from '../../../compiler/7-kernels/onnx/shards.ts';
import { openHere } from '../../../runtime/device/cpu/here.ts';
import type { DeviceSession, Tensor } from '../../../runtime/device/device.ts';
import { Lockstep } from '../../../runtime/shard/lockstep.ts';
import { openSession } from '../../../runtime/shard/session.ts';
import type { ShardSource } from '../../../runtime/shard/shards.ts';
import type { openInThreads } from '../../../runtime/shard/threads/open.ts';
import { unsoundEnergy } from '../../../runtime/training/totals.ts';
import { bundledThreads } from '../../support/bundled-cpu.ts';
import { type Compiled, compileText, fillStates, inputsFor, positionOf, splitRandomly } from '../../support/shards.ts';

vi.setConfig({ testTimeout: 60_000 });

const IL = readFileSync('test/golden/rule-il/model.pcn', 'utf8');
const IPC = readFileSync('test/golden/rule-ipc/model.pcn', 'utf8');
const EARLY = 1;

let open: typeof openInThreads;
beforeAll(async () => {
  open = await bundledThreads('threads');
});

function sourcesOf(compiled: Compiled, shards: number, ahead = false): ShardSource[] {
  const cut = splitRandomly(compiled, shards, 1, EARLY);
  const programs = ahead ? cut.map(twofold) : cut;
  const filesOf = lowerEachToCpu(programs.map((p) => p.program));
  return programs.map(({ program, schedule }, i) => ({
    executable: { program, files: new Map(filesOf(i).map((f) => [f.name, f.bytes])) },
    schedule,
  }));
}

interface Opened {
  readonly devices: readonly DeviceSession[];
  readonly run: Lockstep['run'];
}

function openFromHere(sources: readonly ShardSource[]): Opened {
  const devices = sources.map(({ executable }) => openHere(executable, 1));
  const sessions = sources.map((s, i) => openSession(s.schedule, s.executable, devices[i] as DeviceSession));
  const lockstep = new Lockstep(sessions);
  return { devices, run: (name, inputs, position) => lockstep.run(name, inputs, position) };
}

const closeAll = ({ devices }: Opened): Promise<unknown> => Promise.all(devices.map((d) => d.close()));

/** Batches, several of them under way at once, with a prediction between them. */
async function outcome(opened: Opened, { program }: Compiled, sources: readonly ShardSource[]): Promise<unknown> {
  const states = (i: number) => sources[i]?.executable.program.states ?? [];
  for (const [i, device] of opened.devices.entries()) {
    const { program: own } = (sources[i] as ShardSource).executable;
    await fillStates(device, { ...own, states: own.states.filter((s) => s.role !== 'value') });
  }
  const predictions = program.functions.filter((f) => f.name.startsWith('predict.')).map((f) => f.name);
  const names = ['train', 'train', 'train', ...predictions, 'train', 'train', ...predictions];
  const results = await Promise.all(
    names.map((name, i) => opened.run(name, inputsFor(program, name, i + 1), positionOf(i + 1))),
  );
  const kept: Tensor[] = [];
  for (const [i, device] of opened.devices.entries())
    for (const { id, role } of states(i)) if (role !== 'value') kept.push(await device.read(id));
  return { results, kept };
}

describe.each([
  { name: 'inference learning', text: IL, microbatches: 1, ahead: false },
  { name: 'incremental learning', text: IPC, microbatches: 1, ahead: false },
  { name: 'microbatches', text: IL, microbatches: 2, ahead: false },
  { name: 'batches that begin ahead', text: IL, microbatches: 2, ahead: true },
])('$name', ({ text, microbatches, ahead }) => {
  test.each([1, 2])('gives on %i threads the bits of calls in this thread', async (threads) => {
    const compiled = compileText(text, undefined, {}, microbatches);
    const whole = compileText(text);
    const sources = sourcesOf(compiled, 3, ahead);
    const [here, there] = [openFromHere(sources), open(sources, threads)];
    try {
      expect(await outcome(there, whole, sources)).toEqual(await outcome(here, whole, sources));
    } finally {
      await Promise.all([closeAll(here), closeAll(there)]);
    }
  });
});

describe('a shard that fails', () => {
  /** Its second shard has no graph for one segment. */
  function broken(): { readonly compiled: Compiled; readonly sources: readonly ShardSource[] } {
    const compiled = compileText(IL);
    const sources = sourcesOf(compiled, 3).map((source, i) => {
      if (i !== 1) return source;
      const files = new Map([...source.executable.files].filter(([name]) => !/train\.tick\.\d+\.json$/.test(name)));
      return { ...source, executable: { ...source.executable, files } };
    });
    return { compiled, sources };
  }

  test('ends all calls with its reason, and every thread', async () => {
    const { compiled, sources } = broken();
    const opened = open(sources, 2);
    const calls = [1, 2, 3].map((i) => opened.run('train', inputsFor(compiled.program, 'train', i), positionOf(i)));
    const ends = await Promise.allSettled(calls);
    for (const end of ends)
      expect(end).toMatchObject({ status: 'rejected', reason: { code: 'device/failed', message: /no cpu form of/ } });
    await expect(opened.run('train', inputsFor(compiled.program, 'train', 4), positionOf(4))).rejects.toThrow();
    await closeAll(opened);
  });
});

test('a value that is not a number appears in the energies, or is reported by the shard that waits for it', async () => {
  const compiled = compileText(IL);
  const sources = sourcesOf(compiled, 3);
  const fields = inputsFor(compiled.program, 'train', 1);
  const inputs = Object.fromEntries(
    Object.entries(fields).map(([name, data]) => [
      name,
      data instanceof Float32Array ? data.map(() => Number.NaN) : data,
    ]),
  );
  const [here, there] = [openFromHere(sources), open(sources, 2)];
  await expect(here.run('train', inputs, positionOf(1))).rejects.toMatchObject({ code: 'energy/not-finite' });
  expect(unsoundEnergy(await there.run('train', inputs, positionOf(1)))).toBeDefined();
  await Promise.all([closeAll(here), closeAll(there)]);
});

test('shards that are closed in the middle of a call end it', async () => {
  const compiled = compileText(IL);
  const sources = sourcesOf(compiled, 3);
  const opened = open(sources, 2);
  const calls = Array.from({ length: 50 }, (_, i) =>
    opened.run('train', inputsFor(compiled.program, 'train', 1), positionOf(i + 1)),
  );
  const ends = Promise.allSettled(calls);
  await calls[0];
  await closeAll(opened);
  expect((await ends).at(-1)).toMatchObject({ status: 'rejected' });
});
