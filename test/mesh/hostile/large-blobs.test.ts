/** Large blobs cost a synchronizer the memory of a few pieces, however often they are asked for. */
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readKey } from '../../../runtime/identity/key-file.ts';
import { parseAddress } from '../../../runtime/net/address.ts';
import { dial } from '../../../runtime/net/dial.ts';
import type { Link } from '../../../runtime/net/link.ts';
import { nmc, temporaryFolder } from '../../support/nmc.ts';

const MEGABYTE = 2 ** 20;
const folder = temporaryFolder();
const large = { hash: '', bytes: 256 * MEGABYTE };
let address = '';
let pid = 0;
let stop = (): void => undefined;

beforeAll(async () => {
  const hash = createHash('sha256');
  for (let i = 0; i < 256; i++) hash.update(new Uint8Array(MEGABYTE));
  large.hash = hash.digest('hex');
  // A file of nothing but zeros takes no room on the disk.
  const path = join(folder, 'state', 'backplane', 'blobs', large.hash.slice(0, 2));
  mkdirSync(path, { recursive: true });
  closeSync(openSync(join(path, large.hash), 'w'));
  truncateSync(join(path, large.hash), large.bytes);
  address = await new Promise<string>((resolve, reject) => {
    nmc(['synchronizer', '--listen', '127.0.0.1:0', '--state', 'state', '--json'], {
      cwd: folder,
      env: { NMC_CONFIG: join(folder, 'config') },
      onStart: (child) => {
        pid = child.pid ?? 0;
        stop = () => child.kill('SIGKILL');
      },
      onLine: (line) => resolve((JSON.parse(line) as { address: string }).address),
    }).then((end) => reject(new Error(end.stderr)), reject);
  });
});
afterAll(() => stop());

function connect(): Promise<Link> {
  return dial({
    address: parseAddress(address),
    role: 'operator',
    keys: readKey(join(folder, 'config', 'key.json')),
  });
}

/** Most bytes of memory that the process has ever held. */
function mostMemory(): number {
  return 1024 * Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

test.runIf(process.platform === 'linux')('thirty requests of one key for 256 MB take bounded memory', async () => {
  const link = await connect();
  await link.ask({ what: 'status' });
  const before = mostMemory();
  let begun = 0;
  const asked = Array.from({ length: 30 }, () =>
    link.ask({ what: 'get', blob: large.hash }).then(
      () => ++begun,
      () => undefined,
    ),
  );
  await expect.poll(() => begun, { timeout: 30_000 }).toBeGreaterThanOrEqual(4);
  link.close();
  await Promise.all(asked);
  // It goes on answering others, and has not held what it has sent.
  const other = await connect();
  expect(await other.ask({ what: 'status' })).toMatchObject({ runs: [] });
  other.close();
  expect(mostMemory() - before).toBeLessThan(128 * MEGABYTE);
});

test.runIf(process.platform === 'linux')('64 MB that are brought take bounded memory', async () => {
  const link = await connect();
  const before = mostMemory();
  const bytes = new Uint8Array(64 * MEGABYTE).fill(7);
  const hash = createHash('sha256').update(bytes).digest('hex');
  await link.putBlob(hash, bytes);
  expect(mostMemory() - before).toBeLessThan(48 * MEGABYTE);
  expect(
    createHash('sha256')
      .update(await link.getBlob(hash, bytes.length))
      .digest('hex'),
  ).toBe(hash);
  link.close();
});
