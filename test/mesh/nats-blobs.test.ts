/** Blobs of a mesh in NATS, and the bounded copies of them that a synchronizer keeps. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Backplane } from '../../runtime/backplane/backplane.ts';
import { natsBackplane } from '../../runtime/backplane/nats.ts';
import { makeMesh } from '../support/nats/mesh.ts';
import { NatsServer } from '../support/nats/server.ts';
import { temporaryFolder } from '../support/nmc.ts';

const folder = temporaryFolder();
const server = new NatsServer();
beforeAll(() => server.start());
afterAll(() => server.remove());

const BLOB_BYTES = 600_000;
const blob = (n: number): Uint8Array => new Uint8Array(BLOB_BYTES).fill(n);
const open = (mesh: string, name: string, maxCacheBytes: number): Promise<Backplane> =>
  natsBackplane({ servers: [server.url], mesh, folder: join(folder, mesh, name), acceptOlder: true, maxCacheBytes });

/** Files of the cache. */
function cached(mesh: string, name: string): string[] {
  const below = join(folder, mesh, name, 'blobs');
  const files = readdirSync(below, { recursive: true, withFileTypes: true }).filter((f) => f.isFile());
  return files.map((f) => join(f.parentPath, f.name));
}

async function readAll(backplane: Backplane, hash: string): Promise<string> {
  const source = await backplane.readBlob(hash);
  const read = createHash('sha256');
  for (let piece = await source?.next(); piece; piece = await source?.next()) read.update(piece);
  await source?.close();
  return read.digest('hex');
}

test('the cache stays within its bound, also while many blobs are brought at once, and all can be read', async () => {
  const mesh = await makeMesh(server);
  const near = await open(mesh, 'near', 2 * BLOB_BYTES);
  const hashes = await Promise.all(
    [1, 2, 3, 4, 5, 6].map(async (n) => {
      const hash = createHash('sha256').update(blob(n)).digest('hex');
      const sink = await near.writeBlob(hash, BLOB_BYTES);
      sink.write(blob(n));
      expect(await sink.finish()).toBe(true);
      return hash;
    }),
  );
  for (const hash of hashes) expect(await readAll(near, hash)).toBe(hash);
  const bytes = cached(mesh, 'near').reduce((sum, path) => sum + statSync(path).size, 0);
  // The one that came last is not looked at before the next.
  expect(bytes).toBeLessThanOrEqual(3 * BLOB_BYTES);
  await near.close();
});

test('a copy that is damaged is fetched again, and one of a blob that was collected goes on every machine', async () => {
  const mesh = await makeMesh(server);
  const [near, far] = [await open(mesh, 'near', 1e9), await open(mesh, 'far', 1e9)];
  const [a, b] = [await near.putBlob(blob(1)), await near.putBlob(blob(2))];
  for (const hash of [a, b]) expect(await readAll(far, hash)).toBe(hash);
  const [path = ''] = cached(mesh, 'far').filter((file) => file.endsWith(a));
  writeFileSync(path, readFileSync(path).fill(9, 0, 1));
  expect(Buffer.from((await far.getBlob(a)) ?? []).equals(blob(1))).toBe(true);
  expect(await readAll(near, a)).toBe(a);
  await near.removeBlob(a);
  expect(cached(mesh, 'near')).toEqual([]);
  // Used just now: it may be on its way there again.
  await far.listBlobs();
  expect(cached(mesh, 'far')).toHaveLength(2);
  expect(await far.readBlob(a)).toBeUndefined();
  for (const file of cached(mesh, 'far')) utimesSync(file, 1, 1);
  expect((await far.listBlobs()).map(({ hash }) => hash)).toEqual([b]);
  expect(cached(mesh, 'far').map((file) => file.slice(-64))).toEqual([b]);
  await Promise.all([near.close(), far.close()]);
});
