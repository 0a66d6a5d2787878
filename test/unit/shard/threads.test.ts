/** Shards in threads of one process: the bits of the same shards run from one thread, and no thread waits for ever. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { ShardSource } from '../../../runtime/shard/shards.ts';
import type { openInThreads } from '../../../runtime/shard/threads/open.ts';
import { unsoundEnergy } from '../../../runtime/training/totals.ts';
import { bundledThreads } from '../../support/bundled-cpu.ts';
import { closeAll, openFromHere, outcome, sourcesOf } from '../../support/opened-shards.ts';
import { type Compiled, compileText, inputsFor, positionOf } from '../../support/shards.ts';

vi.setConfig({ testTimeout: 60_000 });

const IL = readFileSync('test/golden/rule-il/model.pcn', 'utf8');
const IPC = readFileSync('test/golden/rule-ipc/model.pcn', 'utf8');

let open: typeof openInThreads;
beforeAll(async () => {
  open = await bundledThreads('threads');
});

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
