/** Threads that share batches of shards: the bits of shards that each take whole ones, and fewer runs of the device. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { lanesOfShards } from '../../../runtime/cli/training/lanes-of-shards.ts';
import type { ShardSource } from '../../../runtime/shard/shards.ts';
import type { LanePlan } from '../../../runtime/shard/threads/lane-plan.ts';
import type { openInThreads, ShardThreads } from '../../../runtime/shard/threads/open.ts';
import { TickTimes } from '../../../runtime/support/tick-times.ts';
import { runsIn } from '../../../spec/schedule.ts';
import { bundledThreads } from '../../support/bundled-cpu.ts';
import { closeAll, fillAll, keptBy, openFromHere, outcome, sourcesOf } from '../../support/opened-shards.ts';
import { type Compiled, compileText, inputsFor, positionOf } from '../../support/shards.ts';

vi.setConfig({ testTimeout: 60_000 });

const THREADS = 2;
const inBatches = (rule: string, batch = 32): string =>
  readFileSync(`test/golden/rule-${rule}/model.pcn`, 'utf8').replace(/batch( *)= \d+/, `batch = ${batch}`);
const IL = inBatches('il');

let open: typeof openInThreads;
beforeAll(async () => {
  open = await bundledThreads('shared-batches');
});

function planOf(sources: readonly ShardSource[]): LanePlan {
  const plan = lanesOfShards(sources, THREADS);
  if (!plan) throw new Error('batches of these shards are not shared');
  return plan;
}

/** Batches one after the other. @returns their results, and runs of the device for each, of all shards together */
async function batches(
  opened: Pick<ShardThreads, 'run'>,
  { program }: Compiled,
  count: number,
  first = 1,
): Promise<unknown[]> {
  const results: unknown[] = [];
  for (let i = first; i < first + count; i++)
    results.push(await opened.run('train', inputsFor(program, 'train', i), positionOf(i)));
  return results;
}

describe.each([
  { name: 'inference learning', text: IL },
  { name: 'with Adam', text: IL.replace('learn.sgd(rate = 0.1)', 'learn.adam(rate = 0.01)') },
  { name: 'a softer function', text: IL.replace('after = tanh', 'after = gelu') },
])('$name', ({ text }) => {
  test.each([2, 3])('in %i shards gives the bits of calls in this thread', async (shards) => {
    const compiled = compileText(text);
    const sources = sourcesOf(compiled, shards);
    const [here, there] = [openFromHere(sources), open(sources, THREADS, [], { lanes: planOf(sources) })];
    try {
      expect(await outcome(there, compiled, sources)).toEqual(await outcome(here, compiled, sources));
    } finally {
      await Promise.all([closeAll(here), closeAll(there)]);
    }
  });
});

describe('runs of the device', () => {
  /** Of a batch behind the first one, of all shards together. */
  async function runsOf(sources: readonly ShardSource[], compiled: Compiled, plan: LanePlan): Promise<number> {
    let runs = 0;
    const count = sources.map(() => {
      const times = new TickTimes(
        true,
        '',
        () => undefined,
        () => ({ now: 0, active: 0, collecting: 0, processor: 0 }),
      );
      times.ran = (n = 1) => {
        runs += n;
      };
      return times;
    });
    const opened = open(sources, THREADS, count, { lanes: plan });
    try {
      await fillAll(opened, sources);
      await batches(opened, compiled, 1);
      runs = 0;
      await batches(opened, compiled, 3, 2);
      return runs / 3;
    } finally {
      await closeAll(opened);
    }
  }

  test('are one for each thread, and those behind settling', async () => {
    const compiled = compileText(IL);
    const sources = sourcesOf(compiled, 3);
    const plan = planOf(sources);
    expect(await runsOf(sources, compiled, plan)).toBeCloseTo(THREADS + plan.behind.length);
  });

  test('are those of each shard where settling in shares gives other bits', async () => {
    const compiled = compileText(IL);
    const sources = sourcesOf(compiled, 3);
    const other = sourcesOf(compileText(IL.replace('rate = 0.1, momentum', 'rate = 0.2, momentum')), 3);
    const plan = { ...planOf(sources), files: planOf(other).files };
    const scheduled = sources.flatMap(
      ({ schedule }) => schedule.functions.find((f) => f.name === 'train')?.stages ?? [],
    );
    const all = scheduled.reduce((sum, stage) => sum + stage.repeat * runsIn([stage]).length, 0);
    expect(all).toBeGreaterThan(THREADS + plan.behind.length);
    expect(await runsOf(sources, compiled, plan)).toBeCloseTo(all);
    const [here, there] = [openFromHere(sources), open(sources, THREADS, [], { lanes: plan })];
    expect(await outcome(there, compiled, sources)).toEqual(await outcome(here, compiled, sources));
    await Promise.all([closeAll(here), closeAll(there)]);
  });
});

test('a state that is written between two batches is read by every thread', async () => {
  const compiled = compileText(IL);
  const sources = sourcesOf(compiled, 3);
  const [here, there] = [openFromHere(sources), open(sources, THREADS, [], { lanes: planOf(sources) })];
  const found = [here, there].map(async (opened) => {
    await fillAll(opened, sources);
    const before = await batches(opened, compiled, 3);
    for (const [i, device] of opened.devices.entries())
      for (const { id, role } of sources[i]?.executable.program.states ?? [])
        if (role === 'parameter')
          await device.write(
            id,
            (await device.read(id)).map((v) => v / 2),
          );
    return { before, behind: await batches(opened, compiled, 2, 4), kept: await keptBy(opened, sources) };
  });
  const [one, other] = await Promise.all(found);
  expect(other).toEqual(one);
  await Promise.all([closeAll(here), closeAll(there)]);
});

describe('batches are not shared', () => {
  test.each([
    { why: 'weights move while values settle', text: inBatches('ipc'), microbatches: 1, lanes: THREADS },
    { why: 'they are divided into microbatches', text: IL, microbatches: 2, lanes: THREADS },
    { why: 'a share is no whole number of vectors', text: inBatches('il', 24), microbatches: 1, lanes: THREADS },
    { why: 'much would be handed on for little work', text: inBatches('z-il'), microbatches: 1, lanes: THREADS },
    { why: 'there is one thread', text: IL, microbatches: 1, lanes: 1 },
  ])('where $why', ({ text, microbatches, lanes }) => {
    const sources = sourcesOf(compileText(text, undefined, {}, microbatches), 2);
    expect(lanesOfShards(sources, lanes)).toBeUndefined();
  });
});

test('a thread that fails ends all calls with its reason', async () => {
  const compiled = compileText(IL);
  const sources = sourcesOf(compiled, 3).map((source, i) => {
    const files = new Map([...source.executable.files].filter(([name]) => !/train\.learn\.\d+\.json$/.test(name)));
    return i === 1 ? { ...source, executable: { ...source.executable, files } } : source;
  });
  const opened = open(sources, THREADS, [], { lanes: planOf(sources) });
  const calls = [1, 2, 3].map((i) => opened.run('train', inputsFor(compiled.program, 'train', i), positionOf(i)));
  for (const end of await Promise.allSettled(calls))
    expect(end).toMatchObject({ status: 'rejected', reason: { code: 'device/failed', message: /no cpu form of/ } });
  await closeAll(opened);
});

test('shards that are closed in the middle of a batch end it', async () => {
  const compiled = compileText(IL);
  const sources = sourcesOf(compiled, 3);
  const opened = open(sources, THREADS, [], { lanes: planOf(sources) });
  await fillAll(opened, sources);
  const calls = Array.from({ length: 50 }, (_, i) =>
    opened.run('train', inputsFor(compiled.program, 'train', 1), positionOf(i + 1)),
  );
  const ends = Promise.allSettled(calls);
  await calls[2];
  await closeAll(opened);
  expect((await ends).at(-1)).toMatchObject({ status: 'rejected' });
});
