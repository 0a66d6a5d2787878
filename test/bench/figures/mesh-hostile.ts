/**
 * How much of their rate trainers keep while a peer does its worst: as a viewer, as a stranger, as a listed trainer
 * without a shard, and as the owner of the neighbouring shard.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ensureKey, readKey } from '../../../runtime/identity/key-file.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { parseAddress } from '../../../runtime/net/address.ts';
import { dial } from '../../../runtime/net/dial.ts';
import type { Link } from '../../../runtime/net/link.ts';
import type { MeshStatus } from '../../../runtime/net/mesh-status.ts';
import { processorSeconds } from '../../../runtime/support/processor-seconds.ts';
import { batchesOf } from '../../../runtime/training/calls.ts';
import type { Deployment } from '../../../runtime/wire/deployment.ts';
import { waitFor, waitUntil } from '../../support/wait-for.ts';
import { atLeast, type Figure, told } from '../figure.ts';
import { nmc, runProcess } from '../processes.ts';
import { median } from '../statistics.ts';

const child = fileURLToPath(new URL('../mesh-hostile.js', import.meta.url));
const flooding = new URL('../flooding-neighbour.js', import.meta.url).href;
const model = 'dsl-examples/digits.pcn';
const SECONDS = 6;
const ROUNDS = 5;
/** The others must keep so much of what they have beside a process that only uses the same processor time. */
const KEPT = 0.8;

/** Kinds of `mesh-hostile`, the role under which its key is listed, and what it is in words. */
const PEERS = [
  ['flood', 'viewer', 'a viewer that floods'],
  ['silent', 'viewer', 'a viewer that never reads'],
  ['stranger', undefined, 'a stranger'],
  ['idle', 'trainer', 'an idle listed trainer that floods'],
] as const;

export async function meshHostileFigures(folder: string): Promise<readonly Figure[]> {
  return [...(await besidePeers(join(folder, 'peers'))), ...(await besideNeighbour(join(folder, 'neighbour')))];
}

async function besidePeers(folder: string): Promise<Figure[]> {
  // All through the gateway, which is what the peer attacks: straight borders would not notice it.
  const mesh = await startMesh(folder, 2, '--relay');
  try {
    const { link, address } = mesh;
    await waitUntil('packet through the relay', async () => (await relayed(link)) > 0);
    const figures: Figure[] = [];
    for (const [kind, role, name] of PEERS) {
      const keys = join(folder, `${kind}.json`);
      const key = keyText(ensureKey(keys).publicKey);
      if (role !== undefined) await link.ask({ what: 'allow', key, role });
      figures.push(...(await besides(kind, name, address, keys, link)));
    }
    return figures;
  } finally {
    await mesh.stop();
  }
}

interface BenchMesh {
  readonly link: Link;
  readonly address: string;
  readonly fingerprint: string;
  readonly run: string;
  stop(): Promise<void>;
}

/** A mesh that trains `digits.pcn` in two shards, for longer than anybody looks. */
async function startMesh(folder: string, trainers: number, ...options: readonly string[]): Promise<BenchMesh> {
  const environment = { NMC_CONFIG: join(folder, 'config') };
  const up = spawn(
    process.execPath,
    [nmc, 'up', '--trainers', String(trainers), '--port', '0', '--state', join(folder, 'state'), '--json', ...options],
    { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const line = await new Promise<string>((resolve) => createInterface({ input: up.stdout }).once('line', resolve));
  const { address, key } = JSON.parse(line) as { address: string; key: string };
  const deploy = ['deploy', model, '--partition', '2', '--epochs', '500', '--mesh', address, '--json'];
  const deployed = await runProcess(process.execPath, [nmc, ...deploy], { environment });
  const { run } = JSON.parse(deployed.stdout) as { run: string };
  const keys = readKey(join(folder, 'config', 'key.json'));
  const link = await dial({ address: parseAddress(address), role: 'operator', keys });
  const stop = async (): Promise<void> => {
    link.close();
    await ended(up);
  };
  return { link, address, fingerprint: key, run, stop };
}

async function ended(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null) return;
  const exit = new Promise((resolve) => process.once('exit', resolve));
  process.kill('SIGINT');
  await exit;
}

/**
 * Of two trainers one sends every border packet many times, whole and damaged. What is compared is how fast the run is
 * in turns with and without, where without the same processor time is used up.
 */
async function besideNeighbour(folder: string): Promise<Figure[]> {
  const mesh = await startMesh(folder, 1);
  const state = join(folder, 'neighbour');
  const sign = join(folder, 'flood');
  const key = keyText(ensureKey(join(state, 'key.json')).publicKey);
  await mesh.link.ask({ what: 'allow', key, role: 'trainer' });
  const options = ['--name', 'neighbour', '--state', state, '--fingerprint', mesh.fingerprint];
  const neighbour = spawn(process.execPath, [nmc, 'join', mesh.address, ...options], {
    env: { ...process.env, NODE_OPTIONS: `--import ${flooding}`, NMC_FLOOD: sign },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    await waitFor('owner beside the trainer', () => ownerPid(mesh, 'neighbour'));
    const kept: number[] = [];
    let movedAfter: number | undefined;
    for (let round = 0; round < ROUNDS && movedAfter === undefined; round++) {
      const quiet = await progressOf(mesh, 'neighbour');
      writeFileSync(sign, '');
      const hostile = await progressOf(mesh, 'neighbour');
      rmSync(sign);
      if (hostile.moved) movedAfter = hostile.seconds;
      // Too short to tell a rate from: what it cost is the move.
      if (hostile.seconds < 1) break;
      const share = String(Math.max(0, hostile.share - quiet.share));
      const burnt = runProcess(process.execPath, [child, 'burn', mesh.address, sign, String(SECONDS), share]);
      await sleep(500);
      // Behind a move both shards are with one trainer, which is another rate: then the one of before counts.
      const control = hostile.moved ? quiet : await progressOf(mesh, 'neighbour');
      await burnt;
      kept.push(hostile.rate / control.rate);
    }
    const name = 'the mesh beside a neighbour that floods';
    const figures = movedAfter === undefined ? [] : [told(`${name}: its shard had moved after`, movedAfter, 's')];
    if (kept.length > 0) figures.push(atLeast(`${name}: rate kept until then`, median(kept), 'share', KEPT, 1));
    return figures;
  } finally {
    await ended(neighbour);
    await mesh.stop();
  }
}

/** Process of a trainer while it owns a shard. */
async function ownerPid({ link, run }: BenchMesh, name: string): Promise<number | undefined> {
  const status = (await link.ask({ what: 'status' })) as MeshStatus;
  const found = status.runs.find((r) => r.run === run);
  const owns = found?.state === 'running' && found.shards.some((s) => s.trainer === name);
  return owns ? (status.trainers.find((t) => t.name === name)?.pid ?? undefined) : undefined;
}

interface Progress {
  /** Batches a second. */
  readonly rate: number;
  /** Of a processor, that the trainer's process has used. */
  readonly share: number;
  readonly seconds: number;
  /** The trainer's shard is another's now. */
  readonly moved: boolean;
}

/** How fast the run is until a trainer's shard moves, for a few seconds at most. */
async function progressOf(mesh: BenchMesh, name: string): Promise<Progress> {
  const pid = await ownerPid(mesh, name);
  const { deployment } = (await mesh.link.ask({ what: 'run', run: mesh.run })) as { deployment: Deployment };
  const [began, first, cpu] = [performance.now(), await batchesDone(mesh, deployment), processorSeconds(pid) ?? 0];
  let [seconds, batches, used] = [0, 0, 0];
  while (seconds < SECONDS - 2) {
    await sleep(100);
    const now = await batchesDone(mesh, deployment);
    if ((await ownerPid(mesh, name)) !== pid)
      return { rate: batches / seconds, share: used / seconds, seconds, moved: true };
    seconds = (performance.now() - began) / 1000;
    batches = now - first;
    used = (processorSeconds(pid) ?? 0) - cpu;
  }
  return { rate: batches / seconds, share: used / seconds, seconds, moved: false };
}

async function batchesDone({ link, run }: BenchMesh, deployment: Deployment): Promise<number> {
  const status = (await link.ask({ what: 'status' })) as MeshStatus;
  const found = status.runs.find((r) => r.run === run);
  return ((found?.epoch ?? 1) - 1) * batchesOf(deployment) + (found?.shards[0]?.batch ?? 0);
}

/** In turns: the hostile peer, then a process that uses the same processor time and does not connect. */
async function besides(kind: string, name: string, address: string, keys: string, link: Link): Promise<Figure[]> {
  const kept: number[] = [];
  let sent = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const hostile = await rateBeside([kind, address, keys, String(SECONDS)], link);
    const control = await rateBeside(['burn', address, keys, String(SECONDS), String(hostile.share)], link);
    kept.push(hostile.rate / control.rate);
    sent += hostile.sent;
  }
  return [
    atLeast(`mesh beside ${name}: rate kept`, median(kept), 'share', KEPT, 1),
    told(`${name}: sent`, sent / ROUNDS / SECONDS, 'a second'),
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
