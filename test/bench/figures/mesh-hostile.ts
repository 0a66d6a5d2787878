/** How much of their rate two trainers keep while a third peer floods the gateway, or never reads what it asked for. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ensureKey, readKey } from '../../../runtime/identity/key-file.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { parseAddress } from '../../../runtime/net/address.ts';
import { dial, type Link } from '../../../runtime/net/dial.ts';
import type { MeshStatus } from '../../../runtime/net/mesh-status.ts';
import { atLeast, type Figure, told } from '../figure.ts';
import { nmc, runProcess } from '../processes.ts';
import { median } from '../statistics.ts';

const child = fileURLToPath(new URL('../mesh-hostile.js', import.meta.url));
const model = 'dsl-examples/digits.pcn';
const SECONDS = 6;
const ROUNDS = 5;
/** The others must keep so much of what they have beside a process that only uses the same processor time. */
const KEPT = 0.8;

export async function meshHostileFigures(folder: string): Promise<readonly Figure[]> {
  const environment = { NMC_CONFIG: join(folder, 'config') };
  const up = spawn(
    process.execPath,
    // All through the gateway, which is what the peer attacks: straight borders would not notice it.
    [nmc, 'up', '--trainers', '2', '--relay', '--port', '0', '--state', join(folder, 'state'), '--json'],
    { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    const line = await new Promise<string>((resolve) => createInterface({ input: up.stdout }).once('line', resolve));
    const { address } = JSON.parse(line) as { address: string };
    const deploy = ['deploy', model, '--partition', '2', '--epochs', '500', '--mesh', address, '--json'];
    await runProcess(process.execPath, [nmc, ...deploy], { environment });
    const keys = readKey(join(folder, 'config', 'key.json'));
    const link = await dial({ address: parseAddress(address), role: 'operator', keys });
    const stranger = join(folder, 'stranger.json');
    const key = keyText(ensureKey(stranger).publicKey);
    await link.ask({ what: 'allow', key, role: 'viewer' });
    while ((await relayed(link)) === 0) await sleep(200);
    const figures: Figure[] = [];
    for (const kind of ['flood', 'silent']) figures.push(...(await besides(kind, address, stranger, link)));
    link.close();
    return figures;
  } finally {
    up.kill('SIGINT');
    await new Promise((resolve) => up.once('exit', resolve));
  }
}

/** In turns: the hostile peer, then a process that uses the same processor time and does not connect. */
async function besides(kind: string, address: string, keys: string, link: Link): Promise<Figure[]> {
  const kept: number[] = [];
  let sent = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const hostile = await rateBeside([kind, address, keys, String(SECONDS)], link);
    const control = await rateBeside(['burn', address, keys, String(SECONDS), String(hostile.share)], link);
    kept.push(hostile.rate / control.rate);
    sent += hostile.sent;
  }
  const name = kind === 'flood' ? 'a peer that floods' : 'a peer that never reads';
  return [
    atLeast(`mesh beside ${name}: rate kept`, median(kept), 'share', KEPT, 1),
    told(`${name}: questions sent`, sent / ROUNDS / SECONDS, 'a second'),
  ];
}

async function rateBeside(
  args: readonly string[],
  link: Link,
): Promise<{ readonly rate: number; readonly share: number; readonly sent: number }> {
  const ended = runProcess(process.execPath, [child, ...args]);
  await sleep(1000);
  const [began, before] = [performance.now(), await relayed(link)];
  await sleep((SECONDS - 2) * 1000);
  const [now, after] = [performance.now(), await relayed(link)];
  const { cpu, sent } = JSON.parse((await ended).stdout) as { cpu: readonly number[]; sent: number };
  // Of a processor, in the seconds that were measured.
  const share = ((cpu[SECONDS - 2] ?? 0) - (cpu[0] ?? 0)) / (SECONDS - 2);
  return { rate: (after - before) / (now - began), share, sent };
}

/** Every batch sends the same bytes: what was relayed says how far the training is. */
async function relayed(link: Link): Promise<number> {
  return ((await link.ask({ what: 'status' })) as MeshStatus).relayedBytes;
}
