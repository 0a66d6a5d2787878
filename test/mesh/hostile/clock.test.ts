/** A wall clock that jumps makes nobody dead, and keeps no dead one alive. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { dial } from '../../../runtime/net/dial.ts';
import { SynchronizerNode } from '../../../runtime/net/synchronizer-node.ts';
import { wallNow } from '../../../runtime/support/clock.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { seeded } from '../networked.ts';

const folder = mkdtempSync(join(tmpdir(), 'nmc-clock-'));
const [operator, worker] = [keyPairFromSeed(seeded(1)), keyPairFromSeed(seeded(2))];
const DAY = 24 * 3600 * 1000;
afterEach(() => {
  vi.restoreAllMocks();
  removeFolder(folder);
});

test('a synchronizer goes on when its clock is set back by a day or ahead by two', async () => {
  const node = await SynchronizerNode.open({
    keys: keyPairFromSeed(seeded(9)),
    backplane: embeddedBackplane(folder),
    host: '127.0.0.1',
    port: 0,
    operator: keyText(operator.publicKey),
    log: () => undefined,
    onShutdown: () => undefined,
  });
  const address = { host: '127.0.0.1', port: node.port, secure: false };
  await node.allow(keyText(worker.publicKey), 'trainer');
  const invite = await node.invite();
  const link = await dial({ address, role: 'trainer', keys: worker });
  const capability = { cores: 1, memory: 1e9, rate: 1e9, upload: 0, download: 0, machine: 'm' };
  link.send({ type: 'member', name: 'a', instance: 'a'.repeat(16), capability });
  const member = (): { seen: number } | undefined => Object.values(node.state.members)[0];
  await expect.poll(member).toBeDefined();
  const before = node.state.now;

  vi.spyOn(Date, 'now').mockReturnValue(wallNow() + 2 * DAY);
  await expect.poll(() => node.state.now).toBeGreaterThan(before);
  const forward = node.state.now;
  expect(forward - before).toBeLessThan(DAY);
  expect(member()).toBeDefined();
  // An invite that is good for a day still is.
  (await dial({ address, role: 'trainer', keys: keyPairFromSeed(seeded(3)), invite })).close();

  vi.spyOn(Date, 'now').mockReturnValue(wallNow() - DAY);
  await expect.poll(() => node.state.now).toBeGreaterThan(forward);
  // Whoever goes silent now is gone for it.
  link.close();
  await expect.poll(member, { timeout: 20_000 }).toBeUndefined();
  await node.close();
});
