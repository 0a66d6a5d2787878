/** A full disk refuses blobs, in words, and everything else goes on; nothing of a refused blob is left. */
import fs, { mkdtempSync, readdirSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { bringBlob } from '../../../runtime/net/bring-blob.ts';
import { dial } from '../../../runtime/net/dial.ts';
import type { Link } from '../../../runtime/net/link.ts';
import { SynchronizerNode } from '../../../runtime/net/synchronizer-node.ts';
import { hex, sha256 } from '../../../runtime/wire/hash.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { seeded } from '../networked.ts';

const operator = keyPairFromSeed(seeded(1));
let folder = '';
let free = 10e9;
let freeBytes = (): number => free;
let node: SynchronizerNode;
let link: Link;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nmc-full-'));
  free = 10e9;
  freeBytes = () => free;
  node = await SynchronizerNode.open({
    keys: keyPairFromSeed(seeded(9)),
    backplane: embeddedBackplane(folder, { freeBytes: () => freeBytes() }),
    host: '127.0.0.1',
    port: 0,
    operator: keyText(operator.publicKey),
    log: () => undefined,
    onShutdown: () => undefined,
  });
  link = await dial({
    address: { host: '127.0.0.1', port: node.port, secure: false },
    role: 'operator',
    keys: operator,
  });
});
afterEach(async () => {
  link.close();
  await node.close();
  removeFolder(folder);
});

function put(bytes: Uint8Array): Promise<void> {
  return link.putBlob(hex(sha256(bytes)), bytes);
}

/** Every file below the folder of blobs. */
function kept(): string[] {
  return readdirSync(join(folder, 'blobs'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
}

test('no blob is begun below 600 MB of free space, and records are written as before', async () => {
  const bytes = new Uint8Array(40 * 2 ** 20).fill(3);
  free = 600e6 + bytes.length - 1;
  await expect(put(bytes)).rejects.toMatchObject({ code: 'disk/full' });
  expect(kept()).toEqual([]);
  await link.ask({ what: 'allow', key: keyText(keyPairFromSeed(seeded(5)).publicKey), role: 'viewer' });
  await put(Uint8Array.of(1, 2, 3));
  free += 1;
  await put(bytes);
  expect(kept()).toHaveLength(2);
});

test('a blob that fills the disk is refused, and nothing of it is kept', async () => {
  const bytes = new Uint8Array(40 * 2 ** 20).fill(4);
  let looks = 0;
  // Enough when it begins, and at the next look, 16 MB later, no more.
  freeBytes = () => (++looks === 1 ? 1e9 : 610e6);
  const putting = put(bytes);
  await expect(putting).rejects.toMatchObject({ code: 'disk/full' });
  expect(looks).toBe(2);
  expect(kept()).toEqual([]);
  expect(await link.ask({ what: 'status' })).toMatchObject({ runs: [] });
});

test('a part of a snapshot waits until there is space', async () => {
  free = 0;
  const events: unknown[] = [];
  const brought = bringBlob(Uint8Array.of(7, 8), {
    ...{ link: () => link, stopped: () => false, log: (event) => events.push(event), retry: 5, retryFull: 5 },
  });
  await expect.poll(() => events).toEqual([{ event: 'blob-refused', code: 'disk/full', bytes: 2 }]);
  free = 10e9;
  expect(await brought).toBe(hex(sha256(Uint8Array.of(7, 8))));
  expect(kept()).toHaveLength(1);
});

test('a write that finds no space is refused, and nothing of it is kept', async () => {
  const { writeSync } = fs;
  let writes = 0;
  fs.writeSync = ((descriptor: number, data: Uint8Array, ...more: [number, number]) => {
    if (data.length > 1000 && ++writes > 3) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
    return writeSync(descriptor, data, ...more);
  }) as typeof fs.writeSync;
  syncBuiltinESMExports();
  try {
    const bytes = new Uint8Array(2 ** 20).fill(5);
    await expect(put(bytes)).rejects.toMatchObject({ code: 'disk/full' });
    await expect(put(bytes)).rejects.toMatchObject({ code: 'disk/full' });
    expect(kept()).toEqual([]);
  } finally {
    fs.writeSync = writeSync;
    syncBuiltinESMExports();
  }
  await put(new Uint8Array(2 ** 20).fill(5));
  expect(kept()).toHaveLength(1);
});
