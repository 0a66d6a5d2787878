/** Trainers in whose process something goes wrong for good: the one who lent the machine gets it back, and is told why. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TrainerGuard } from '../../../runtime/cli/mesh/trainer-guard.ts';
import { isProcessAlive } from '../../../runtime/support/process-alive.ts';
import { signalProcess } from '../../support/end-process.ts';
import { writeMachineRecord } from '../../support/machine-record.ts';
import { TestMesh } from '../../support/mesh.ts';
import { nmc, type Outcome, writeTiny } from '../../support/nmc.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { waitFor, waitUntil } from '../../support/wait-for.ts';

const folder = mkdtempSync(join(tmpdir(), 'nmc-ended-'));
const mesh = new TestMesh(folder);
const HOSTILE = resolve('test/support/stuck-or-hungry.cjs');
const started: ChildProcess[] = [];
let invite = '';

beforeAll(async () => {
  writeTiny(folder, { epochs: 500 });
  await mesh.start(0);
  const [made] = await mesh.json('keys', 'invite', '--uses', '9');
  invite = String(made?.invite);
}, 120_000);

afterAll(async () => {
  for (const child of started) child.kill('SIGKILL');
  await mesh.stop();
  mesh.kill();
  removeFolder(folder);
});

interface Joined {
  readonly parent: ChildProcess;
  /** Of the process that computes. */
  readonly pid: number;
  readonly ended: Promise<Outcome>;
}

/** Of a trainer that does not measure its machine first. */
function environmentOf(name: string): Readonly<Record<string, string>> {
  const config = join(folder, 'config', name);
  writeMachineRecord(config);
  return { ...mesh.env, NMC_CONFIG: config, NMC_INVITE: invite };
}

async function joined(name: string, env: Readonly<Record<string, string>>, ...options: string[]): Promise<Joined> {
  let parent: ChildProcess | undefined;
  const { address, key } = mesh.up;
  const ended = nmc(['join', address, '--fingerprint', key, '--name', name, '--json', ...options], {
    cwd: folder,
    env: { ...environmentOf(name), ...env },
    onStart: (child) => {
      parent = child;
      started.push(child);
    },
  });
  let outcome: Outcome | undefined;
  void ended.then((found) => {
    outcome = found;
  });
  return waitFor(`trainer ${name}`, async () => {
    if (outcome) throw new Error(`${name} has ended: ${outcome.stdout}${outcome.stderr}`);
    const found = (await mesh.status()).trainers.find((t) => t.name === name);
    return found?.pid && parent ? { parent, pid: found.pid, ended } : undefined;
  });
}

function gone(pid: number): Promise<void> {
  return waitUntil(`end of process ${pid}`, () => !isProcessAlive(pid));
}

test.concurrent('the process that computes is a child of the one that was started, and kill -9 of the parent ends both', async () => {
  const { parent, pid, ended } = await joined('alone', {});
  expect(pid).not.toBe(parent.pid);
  parent.kill('SIGKILL');
  await ended;
  await gone(pid);
}, 60_000);

test.concurrent('a parent says so when the process that computes is killed', async () => {
  const { pid, ended } = await joined('killed', {});
  signalProcess(pid, 'SIGKILL');
  const { code, stderr } = await ended;
  expect([code, stderr]).toEqual([3, expect.stringContaining('error[trainer/ended]')]);
}, 60_000);

test.concurrent('a process whose own thread hangs is ended from another one, whether or not the mesh can be reached', async () => {
  const pulse = resolve('dist/bundle/runtime-net-pulse-thread.cjs');
  const hang = `
    const { Worker } = require('node:worker_threads');
    const beats = new SharedArrayBuffer(8);
    new BigInt64Array(beats)[0] = process.hrtime.bigint();
    const address = { host: '127.0.0.1', port: 1, secure: false };
    const hang = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    new Worker(${JSON.stringify(pulse)}, { workerData: { address, instance: 'i', beats, silence: 300 } })
      .once('online', () => setTimeout(hang, 100));
  `;
  const child = spawn(process.execPath, ['-e', hang], { env: { ...process.env, NMC_DEVICE_ENDS_WITHIN: '200' } });
  started.push(child);
  let said = '';
  child.stderr.on('data', (text) => {
    said += String(text);
  });
  const [, signal] = await once(child, 'close');
  expect(said).toContain('error[device/stuck]: this trainer ends: its own thread has not answered for 0.3 s');
  expect(signal).toBe('SIGKILL');
}, 60_000);

test.concurrent('a process that takes more memory than was lent is ended, and its parent says so', async () => {
  const env = { HOSTILE: 'hungry', NODE_OPTIONS: `--require ${HOSTILE}` };
  const { address, key } = mesh.up;
  const { code, stdout, stderr } = await nmc(
    ['join', address, '--fingerprint', key, '--name', 'hungry', '--max-memory', '50', '--json'],
    { cwd: folder, env: { ...environmentOf('hungry'), ...env } },
  );
  expect(code).toBe(3);
  expect(stderr).toContain('"event":"memory"');
  expect(stderr).toContain('error[trainer/memory]: the trainer was ended: it held');
  expect(stdout).toContain('"code":"trainer/memory"');
}, 60_000);

test.concurrent('memory beyond the runtime and a margin is compared with its bound ten times a second', async () => {
  const grow =
    'process.send({ event: "runtime", bytes: 0 }); const held = []; setInterval(() => held.push(Buffer.alloc(1e6, 1)), 5)';
  const child = spawn(process.execPath, ['-e', grow], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  started.push(child);
  const seen: number[] = [];
  const events: unknown[] = [];
  const guard = new TrainerGuard(child, {
    allowed: 100,
    margin: 20,
    // What it holds grows by 10 bytes each time somebody looks.
    resident: async () => {
      seen.push(seen.length * 10);
      return seen.at(-1);
    },
    log: (event) => events.push(event),
  });
  await new Promise((ended) => child.on('exit', ended));
  expect(seen.at(-1)).toBe(130);
  expect(guard.ending?.code).toBe('trainer/memory');
  expect(events).toEqual([{ event: 'memory', pid: child.pid, bytes: 130, limit: 120 }]);
}, 60_000);

test.concurrent('Ctrl-C ends a trainer whose device never answers', async () => {
  const [armed, says] = [join(folder, 'armed'), join(folder, 'says')];
  const env = {
    HOSTILE: 'stuck',
    HOSTILE_ARMED: armed,
    HOSTILE_SAYS: says,
    NODE_OPTIONS: `--require ${HOSTILE}`,
    NMC_DEVICE_ENDS_WITHIN: '300',
  };
  const { parent, pid, ended } = await joined('stuck', env);
  writeFileSync(armed, '');
  await mesh.json('deploy', 'tiny.pcn', '--partition', '1');
  await waitUntil('word of the device that hangs', () => existsSync(says));
  parent.kill('SIGINT');
  const { code, stderr } = await ended;
  expect(code).toBe(3);
  expect(stderr).toContain('error[device/stuck]');
  await gone(pid);
}, 60_000);
