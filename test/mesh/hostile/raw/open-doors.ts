/**
 * A process with a synchronizer and the direct listener of a trainer whose limits of arrival are so high that packets
 * come as fast as they are sent: `open-doors FOLDER KEYS`, where KEYS are `role KEY …`. Says where it listens.
 */
import { join } from 'node:path';
import { embeddedBackplane } from '../../../../runtime/backplane/embedded.ts';
import { keyPairFromSeed } from '../../../../runtime/identity/ed25519.ts';
import { parseAddress } from '../../../../runtime/net/address.ts';
import { DirectBorders } from '../../../../runtime/net/direct.ts';
import { SynchronizerNode } from '../../../../runtime/net/synchronizer-node.ts';
import type { Role } from '../../../../runtime/wire/handshake.ts';

const [folder = '.', operator = '', ...listed] = process.argv.slice(2);
const doorLimits = { arrivalsPerSecond: 1e6, arrivalsAtOnce: 1e6 };
const share = { perSecond: 1e6, most: 1e6 };
const log = (event: Readonly<Record<string, unknown>>): void => {
  process.stderr.write(`${JSON.stringify(event)}\n`);
};
const node = await SynchronizerNode.open({
  keys: keyPairFromSeed(new Uint8Array(32).fill(91)),
  backplane: embeddedBackplane(join(folder, 'backplane')),
  host: '127.0.0.1',
  port: 0,
  operator,
  gateway: { doorLimits, shares: { operator: share, trainer: share, viewer: share } },
  log,
  onShutdown: () => process.exit(1),
});
const direct = await DirectBorders.open({
  keys: keyPairFromSeed(new Uint8Array(32).fill(92)),
  listen: parseAddress('127.0.0.1:0'),
  machine: 'here',
  onPacket: (_from, head) => (head.from === 0 ? undefined : 'border of another owner'),
  onChange: () => undefined,
  doorLimits,
  log,
});
for (let i = 0; i + 1 < listed.length; i += 2) {
  await node.allow(listed[i + 1] ?? '', listed[i] as Role);
  if (listed[i] === 'trainer') direct.setNeighbours([{ key: listed[i + 1] ?? '' }]);
}
process.on('message', () => process.send?.(direct.refused));
process.stdout.write(`${JSON.stringify({ gateway: node.port, direct: parseAddress(direct.address).port })}\n`);
