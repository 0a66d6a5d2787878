/**
 * Writes to a synchronizer's folder, again and again until it is killed: snapshots of a run, deployments that are
 * finished and that are given up, fetches, and the removal of garbage between all of them. No hour of grace.
 *
 *     node kill-child.mjs FOLDER SEED snapshot|deploy|fetch|gc
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backplane } from '../../../runtime/backplane/backplane.ts';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { Garbage } from '../../../runtime/net/garbage.ts';
import { blobsOfDeployment } from '../../../runtime/roles/named-blobs.ts';
import {
  type RunState,
  runFrom,
  type StoredRun,
  storedOf,
  UNTROUBLED,
} from '../../../runtime/roles/synchronizer-state.ts';
import { wallNow } from '../../../runtime/support/clock.ts';
import { hex, sha256 } from '../../../runtime/wire/hash.ts';
import { seeded } from '../../fuzz/mutate.ts';
import { chain } from '../simulated.ts';

const [folder = '', seed = '1', first = 'snapshot'] = process.argv.slice(2);
const rng = seeded(Number(seed));
const below = (n: number): number => Math.floor(rng() * n);
const SHARDS = 2;
/** Few enough that deployments share them with others, and with garbage. */
const POOL = 12;

class Child {
  readonly #backplane: Backplane;
  readonly #garbage: Garbage;
  readonly #revisions = new Map<string, number>();
  runs: Record<string, RunState> = {};

  constructor(backplane: Backplane) {
    this.#backplane = backplane;
    this.#garbage = new Garbage({
      backplane,
      runs: () => Object.values(this.runs),
      now: wallNow,
      removed: () => undefined,
      grace: 0,
    });
  }

  async restore(): Promise<void> {
    for (const { key, value, revision } of await this.#backplane.list('run/')) {
      const stored = JSON.parse(value) as StoredRun;
      this.runs[stored.deployment.run] = runFrom(stored, wallNow());
      this.#revisions.set(key, revision);
      await this.#garbage.persisted(stored);
    }
  }

  async #persist(run: RunState): Promise<void> {
    const key = `run/${run.deployment.run}`;
    this.runs = { ...this.runs, [run.deployment.run]: run };
    const revision = await this.#backplane.put(key, JSON.stringify(storedOf(run)), this.#revisions.get(key) ?? 0);
    if (revision === undefined) throw new Error(`${key} was changed by another`);
    this.#revisions.set(key, revision);
    await this.#garbage.persisted(storedOf(run));
  }

  /** In pieces, as it comes over a socket. */
  async #bring(holder: object, bytes: Uint8Array): Promise<string> {
    const hash = hex(sha256(bytes));
    const sink = await this.#backplane.writeBlob(hash, bytes.length);
    for (let at = 0; at < bytes.length; at += 50_000) {
      sink.write(bytes.subarray(at, at + 50_000));
      await sleep(0);
    }
    this.#garbage.hold(holder, [hash]);
    if (!(await sink.finish())) throw new Error('what was written is something else');
    return hash;
  }

  async snapshot(): Promise<void> {
    const runs = Object.values(this.runs);
    const run = runs[below(runs.length)];
    if (!run) return;
    const id = run.deployment.run;
    const trainer = {};
    const parts: string[] = [];
    for (let shard = 0; shard < SHARDS; shard++) {
      const bytes = new Uint8Array(120_000).fill(below(256)).fill(shard, 0, 9);
      const blob = await this.#bring(trainer, bytes);
      parts.push(blob);
      const now = this.runs[id] as RunState;
      const pending = { ...now.parts[1], [shard]: { blob, totals: {} } };
      this.runs = { ...this.runs, [id]: { ...now, parts: { 1: pending } } as unknown as RunState };
      this.#garbage.part(id, blob);
      this.#garbage.letGo(trainer, [blob]);
    }
    const now = this.runs[id] as RunState;
    const calls = (now.manifests.at(-1)?.calls ?? 0) + 1;
    const manifest = { calls, parts, totals: {}, milliseconds: 1 };
    // Snapshots of one run at the same time: the parts of one may have gone with the manifest of another.
    for (const hash of parts) if (!(await this.#backplane.hasBlob(hash))) return;
    const latest = this.runs[id] as RunState;
    await this.#persist({ ...latest, parts: {}, manifests: [...latest.manifests, manifest].slice(-2) });
  }

  async deploy(): Promise<void> {
    const operator = {};
    const wanted = Array.from({ length: 3 }, () => new Uint8Array(60_000).fill(below(POOL)));
    const plan: { path: string; blob: string; bytes: number }[] = [];
    for (const [i, bytes] of wanted.entries()) {
      const hash = hex(sha256(bytes));
      this.#garbage.hold(operator, [hash]);
      if (!(await this.#backplane.touchBlob(hash))) await this.#bring(operator, bytes);
      plan.push({ path: `f${i}`, blob: hash, bytes: bytes.length });
    }
    // Some are given up, and some wait: few runs, and much garbage.
    await sleep(below(5));
    if (rng() < 0.5 || Object.keys(this.runs).length > 30) return this.#garbage.letGo(operator);
    const deployment = { ...chain(SHARDS, 10, 1, 1), run: `run-${process.pid}-${below(1e6)}`, plan };
    for (const blob of blobsOfDeployment(deployment)) if (!(await this.#backplane.hasBlob(blob))) lost(blob);
    const record = new TextEncoder().encode(JSON.stringify(deployment));
    const hash = hex(sha256(record));
    this.#garbage.hold(operator, [hash]);
    await this.#backplane.putBlob(record);
    await this.#persist(
      runFrom(
        {
          ...{ deployment, hash, phase: 'waiting', term: 0, owners: [], instances: {}, manifests: [] },
          ...{ rows: [], checks: [], reason: '', created: 0, ...UNTROUBLED },
        },
        0,
      ),
    );
    this.#garbage.letGo(operator);
  }

  async fetch(): Promise<void> {
    const runs = Object.values(this.runs);
    const run = runs[below(runs.length)];
    if (!run) return;
    const reader = {};
    this.#garbage.holdRun(reader, run);
    for (const hash of [...blobsOfDeployment(run.deployment), ...(run.manifests.at(-1)?.parts ?? [])]) {
      await sleep(below(3));
      const source = await this.#backplane.readBlob(hash);
      if (!source) return lost(hash);
      while (await source.next());
      await source.close();
      if (!(await this.#backplane.hasBlob(hash))) lost(hash);
    }
    this.#garbage.letGo(reader);
  }

  async gc(): Promise<void> {
    await this.#garbage.collect();
  }
}

function lost(hash: string): void {
  process.stdout.write(`lost ${hash}\n`);
  process.exit(3);
}

const child = new Child(embeddedBackplane(folder));
await child.restore();
const kinds = ['snapshot', 'deploy', 'fetch', 'gc'] as const;
/** Long after whoever has started this child has ended it. */
const end = performance.now() + 300_000;
const again = async (kind: (typeof kinds)[number], pause: number): Promise<void> => {
  while (performance.now() < end) {
    await child[kind]();
    await sleep(below(pause));
  }
};
process.stdout.write('ready\n');
// The one that is to be killed in the middle has hardly a pause, the others go on between.
await Promise.all(kinds.map((kind) => again(kind, kind === first ? 2 : 40)));
