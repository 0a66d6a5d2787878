/** Blobs that nothing names are removed, and no others, in whatever order things happen. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Backplane } from '../../runtime/backplane/backplane.ts';
import { embeddedBackplane } from '../../runtime/backplane/embedded.ts';
import { appendBounded } from '../../runtime/net/bounded-stream.ts';
import { Garbage, GRACE_MS } from '../../runtime/net/garbage.ts';
import { blobsOfRun } from '../../runtime/roles/named-blobs.ts';
import { type RunState, runFrom, UNTROUBLED } from '../../runtime/roles/synchronizer-state.ts';
import { wallNow } from '../../runtime/support/clock.ts';
import { hex, sha256 } from '../../runtime/wire/hash.ts';
import { seeded } from '../fuzz/mutate.ts';
import { removeFolder } from '../support/remove-folder.ts';
import { chain } from './simulated.ts';

let folder = '';
let backplane: Backplane;
let garbage: Garbage;
let later = 0;
let runs: Record<string, RunState> = {};
const removed: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nmc-garbage-'));
  backplane = embeddedBackplane(folder);
  later = 0;
  runs = {};
  removed.length = 0;
  garbage = new Garbage({
    backplane,
    runs: () => Object.values(runs),
    now: () => wallNow() + later,
    removed: (hash) => removed.push(hash),
  });
});
afterEach(async () => {
  await backplane.close();
  removeFolder(folder);
});

/** A blob that is only this text. */
function put(text: string): Promise<string> {
  return backplane.putBlob(new TextEncoder().encode(text));
}

function hashOf(text: string): string {
  return hex(sha256(new TextEncoder().encode(text)));
}

/** A run as it is with these manifests, each of one part, and these parts of snapshots to come. */
function runWith(id: string, manifests: readonly string[], pending: readonly string[] = []): RunState {
  const plan = [{ path: 'plan.json', blob: hashOf('plan'), bytes: 4 }];
  const deployment = { ...chain(1, 10, 1, 1), run: id, plan };
  const stored = {
    deployment,
    hash: hashOf('deployment'),
    phase: 'running' as const,
    term: 1,
    owners: [],
    instances: {},
    manifests: manifests.map((blob, i) => ({ calls: i + 1, parts: [blob], totals: {}, milliseconds: 1 })),
    rows: [],
    checks: [],
    reason: '',
    created: 0,
    ...UNTROUBLED,
  };
  const parts = Object.fromEntries(pending.map((blob, i) => [100 + i, { 0: { blob, totals: {} } }]));
  return { ...runFrom(stored, 0), parts } as unknown as RunState;
}

async function persist(run: RunState): Promise<void> {
  runs = { ...runs, [run.deployment.run]: run };
  await garbage.persisted(run);
}

async function there(): Promise<string[]> {
  return (await backplane.listBlobs()).map((b) => b.hash).sort();
}

test('parts that a newer manifest supersedes are removed when it is durable', async () => {
  const [a, b, c, d, ahead] = [await put('a'), await put('b'), await put('c'), await put('d'), await put('ahead')];
  await persist(runWith('one', [a, b]));
  await persist(runWith('two', [b]));
  runs = { ...runs, one: runWith('one', [c, d], [ahead]) };
  for (const hash of [c, d, ahead]) garbage.part('one', hash);
  await persist(runWith('two', [b]));
  // The manifest that does without them is not durable yet: after a kill now the run would go on from them.
  expect(await there()).toEqual([a, b, c, d, ahead].sort());
  await persist(runWith('one', [c, d], [ahead]));
  expect(await there()).toEqual([b, c, d, ahead].sort());
  expect(removed).toEqual([a]);
  // The snapshot that it was for was given up.
  await persist(runWith('one', [c, d]));
  expect(await there()).toEqual([b, c, d].sort());
});

test('a blob that is held stays until it is released', async () => {
  const [a, b] = [await put('a'), await put('b')];
  const fetching = {};
  await persist(runWith('one', [a]));
  garbage.holdRun(fetching, runWith('one', [a]));
  await persist(runWith('one', [b]));
  expect(await there()).toEqual([a, b].sort());
  // It has asked again: now it fetches the newer one.
  garbage.holdRun(fetching, runWith('one', [b]));
  await persist(runWith('one', [b]));
  expect(await there()).toEqual([b]);
  const deploying = {};
  const loose = await put('loose');
  garbage.hold(deploying, [loose]);
  later = 2 * GRACE_MS;
  expect((await garbage.collect()).removed.blobs).toBe(0);
  garbage.letGo(deploying);
  expect((await garbage.collect()).removed).toEqual({ blobs: 1, bytes: 5 });
});

test('a blob that nothing names is removed an hour after it was brought or asked about', async () => {
  const [loose, part] = [await put('loose'), await put('part')];
  await put('plan');
  await put('deployment');
  await persist(runWith('one', [part]));
  expect(await garbage.collect()).toEqual({
    removed: { blobs: 0, bytes: 0 },
    waiting: { blobs: 1, bytes: 5 },
    kept: { blobs: 3, bytes: 18 },
  });
  later = GRACE_MS + 1000;
  expect((await garbage.collect(true)).removed).toEqual({ blobs: 1, bytes: 5 });
  expect(await backplane.hasBlob(loose)).toBe(true);
  expect((await garbage.collect()).removed).toEqual({ blobs: 1, bytes: 5 });
  expect(await there()).toEqual([hashOf('plan'), hashOf('deployment'), part].sort());
});

test('no blob that a run names or a client holds is lost, in any order of events', async () => {
  const rng = seeded(11);
  const pick = (n: number): number => Math.floor(rng() * n);
  const holders = [{}, {}];
  const held = [new Set<string>(), new Set<string>()];
  const words = Array.from({ length: 12 }, (_, i) => `w${i}`);
  const work: Promise<unknown>[] = [];
  await put('plan');
  await put('deployment');
  for (let step = 0; step < 400; step++) {
    const word = words[pick(words.length)] ?? '';
    const id = `run-${pick(2)}`;
    const run = runs[id];
    const manifests = run?.manifests.flatMap((m) => m.parts) ?? [];
    const who = pick(2);
    if (step % 7 === 0) await Promise.all(work.splice(0));
    switch (pick(6)) {
      case 0: // A part is brought, named, and is of the next manifest.
        garbage.hold(holders[who] ?? {}, [hashOf(word)]);
        await put(word);
        runs = { ...runs, [id]: runWith(id, manifests, [hashOf(word)]) };
        garbage.part(id, hashOf(word));
        if (!held[who]?.has(hashOf(word))) garbage.letGo(holders[who] ?? {}, [hashOf(word)]);
        break;
      case 1: {
        const [next] = Object.values(run?.parts ?? {}).map((p) => p[0]?.blob ?? '');
        if (next) work.push(persist(runWith(id, [...manifests, next].slice(-2))));
        break;
      }
      case 2:
        if (run) work.push(persist(runWith(id, manifests)));
        break;
      case 3:
        garbage.hold(holders[who] ?? {}, [hashOf(word)]);
        if (await backplane.touchBlob(hashOf(word))) held[who]?.add(hashOf(word));
        break;
      case 4:
        garbage.letGo(holders[who] ?? {});
        held[who]?.clear();
        break;
      case 5:
        later += GRACE_MS / 2;
        work.push(garbage.collect(rng() < 0.2));
    }
    const named = [...Object.values(runs).flatMap(blobsOfRun), ...held.flatMap((set) => [...set])];
    for (const hash of named) expect(await backplane.hasBlob(hash), `step ${step}`).toBe(true);
  }
  await Promise.all(work);
  for (const holder of holders) garbage.letGo(holder);
  later += 2 * GRACE_MS;
  await garbage.collect();
  expect(await there()).toEqual([...new Set(Object.values(runs).flatMap(blobsOfRun))].sort());
});

test('a stream that would grow without end keeps its newest records', async () => {
  for (let i = 1; i <= 130; i++) await appendBounded(backplane, 's', String(i), 100);
  const [first] = await backplane.read('s', 1, 1);
  expect(first?.sequence).toBe(31);
  expect(await backplane.read('s', 130, 5)).toEqual([{ sequence: 130, value: '130' }]);
});
