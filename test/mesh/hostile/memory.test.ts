/** Memory that a deployment takes is counted before the first byte of its data, whatever the deployment says. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { ensureKey } from '../../../runtime/identity/key-file.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { dial } from '../../../runtime/net/dial.ts';
import type { Link } from '../../../runtime/net/link.ts';
import { SynchronizerNode } from '../../../runtime/net/synchronizer-node.ts';
import { hex, sha256 } from '../../../runtime/wire/hash.ts';
import { temporaryFolder } from '../../support/nmc.ts';
import { type JoinedTrainer, joinedTrainer } from './joined-trainer.ts';
import { tinyDeployment } from './tiny-deployment.ts';

/** A blob of a megabyte, so often. */
const ROWS = 1340;
const OFTEN = 400;

const folder = temporaryFolder();
const operator = ensureKey(join(folder, 'config', 'key.json'));
const trainer = ensureKey(join(folder, 'trainer', 'key.json'));
let node: SynchronizerNode;
let link: Link;
let joined: JoinedTrainer | undefined;

beforeAll(async () => {
  node = await SynchronizerNode.open({
    ...{ keys: ensureKey(join(folder, 'synchronizer', 'key.json')), host: '127.0.0.1', port: 0 },
    backplane: embeddedBackplane(join(folder, 'backplane')),
    ...{ operator: keyText(operator.publicKey), log: () => undefined, onShutdown: () => undefined },
  });
  await node.allow(keyText(trainer.publicKey), 'trainer');
  const address = { host: '127.0.0.1', port: node.port, secure: false };
  link = await dial({ address, role: 'operator', keys: operator });
});
afterAll(async () => {
  joined?.kill();
  link.close();
  await node.close();
});

test('a trainer with little memory trains on a column that names one blob again and again, from its disk', async () => {
  const { deployment, blobs } = tinyDeployment();
  const column = (bytes: Uint8Array): { readonly blob: string; readonly bytes: number }[] => {
    const blob = hex(sha256(bytes));
    return Array.from({ length: OFTEN }, () => ({ blob, bytes: bytes.length }));
  };
  const [images, digits] = [new Uint8Array(ROWS * 784), new Uint8Array(ROWS * 4)];
  const columns = deployment.train.columns.map((c) => ({ ...c, blobs: column(c.name === 'image' ? images : digits) }));
  const large = { ...deployment, train: { ...deployment.train, length: OFTEN * ROWS, columns } };
  for (const bytes of [...blobs.values(), images, digits]) await link.putBlob(hex(sha256(bytes)), bytes);
  await link.ask({ what: 'deploy', deployment: large });
  joined = await joinedTrainer(
    node.port,
    'trainer',
    { cwd: folder, env: { NMC_CONFIG: join(folder, 'config') } },
    ...['--max-memory', '200'],
  );
  const { failures } = joined;
  const settled = (): boolean => failures().length > 0 || node.state.runs[large.run]?.phase === 'running';
  await expect.poll(settled, { timeout: 50_000 }).toBe(true);
  expect(failures()).toEqual([]);
  // Its own ending, of more memory than it may take, would be told to the mesh as a trainer that is gone.
  const trains = (): boolean => ['running', 'done'].includes(node.state.runs[large.run]?.phase ?? '');
  await expect.poll(trains, { timeout: 50_000 }).toBe(true);
}, 60_000);

test('a blob that is longer than agreed is refused, whatever the sender says of it', async () => {
  const bytes = new Uint8Array(300_000).fill(9);
  const hash = hex(sha256(bytes));
  await link.putBlob(hash, bytes);
  expect((await link.getBlob(hash, bytes.length)).length).toBe(bytes.length);
  await expect(link.getBlob(hash, bytes.length - 1)).rejects.toThrow('300000 is more than 299999');
});
