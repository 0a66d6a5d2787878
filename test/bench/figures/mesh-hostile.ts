/**
 * How much of their rate trainers keep while a peer does its worst: as a viewer, as a stranger, as a listed trainer
 * without a shard, and as the owner of the neighbouring shard.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ensureKey, readKey } from '../../../runtime/identity/key-file.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { parseAddress } from '../../../runtime/net/address.ts';
import { dial, type Link } from '../../../runtime/net/dial.ts';
import type { MeshStatus } from '../../../runtime/net/mesh-status.ts';
import { batchesOf } from '../../../runtime/roles/calls.ts';
import type { Deployment } from '../../../runtime/wire/deployment.ts';
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
    while ((await relayed(link)) === 0) await sleep(200);
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
    while ((await ownerPid(mesh, 'neighbour')) === undefined) await sleep(200);
    const kept: number[] = [];
    let moved = false;
    for (let round = 0; round < ROUNDS && !moved; round++) {
      const quiet = await progressDuring(mesh, 'neighbour');
      writeFileSync(sign, '');
      const hostile = await progressDuring(mesh, 'neighbour');
      rmSync(sign);
      const share = String(Math.max(0, hostile.share - quiet.share));
      const burnt = runProcess(process.execPath, [child, 'burn', mesh.address, sign, String(SECONDS), share]);
      await sleep(500);
      const control = await progressDuring(mesh, 'neighbour');
      await burnt;
      kept.push(hostile.rate / control.rate);
      moved = (await ownerPid(mesh, 'neighbour')) === undefined;
    }
    const name = 'the mesh beside a neighbour that floods';
    return [
      atLeast(`${name}: rate kept`, median(kept), 'share', KEPT, 1),
      told(`${name}: shard moved`, Number(moved), ''),
    ];
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

/** Batches a second of the run, and the share of a processor that a trainer's process uses meanwhile. */
async function progressDuring(
  mesh: BenchMesh,
  name: string,
): Promise<{ readonly rate: number; readonly share: number }> {
  const pid = await ownerPid(mesh, name);
  const [began, before, cpu] = [performance.now(), await batchesDone(mesh), processorSecondsOf(pid)];
  await sleep((SECONDS - 2) * 1000);
  const seconds = (performance.now() - began) / 1000;
  return {
    rate: ((await batchesDone(mesh)) - before) / seconds,
    share: (processorSecondsOf(pid) - cpu) / seconds,
  };
}

async function batchesDone({ link, run }: BenchMesh): Promise<number> {
  const status = (await link.ask({ what: 'status' })) as MeshStatus;
  const { deployment } = (await link.ask({ what: 'run', run })) as { deployment: Deployment };
  const found = status.runs.find((r) => r.run === run);
  return ((found?.epoch ?? 1) - 1) * batchesOf(deployment) + (found?.shards[0]?.batch ?? 0);
}

/** Field 14 and 15 of /proc/PID/stat, in hundredths of a second; 0 where there is no such file. */
function processorSecondsOf(pid: number | undefined): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
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
