/**
 * Thousands of hostile packets of every type over raw sockets, before and behind the handshake, at real processes: they
 * live, hold little, and let their operator in. `NMC_RAW_FUZZ=100000` for the long form; the seed is always the same.
 */
import { rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { readKey } from '../../../runtime/identity/key-file.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { askStatus } from '../../../runtime/net/ask-status.ts';
import { dial } from '../../../runtime/net/dial.ts';
import type { MeshStatus } from '../../../runtime/net/mesh-status.ts';
import type { Role } from '../../../runtime/wire/handshake.ts';
import { CONNECTION_REFUSALS, HANDSHAKE_REFUSALS, MESSAGE_REFUSALS } from '../../../runtime/wire/refusals.ts';
import { nmc, temporaryFolder, writeTiny } from '../../support/nmc.ts';
import { ROOT } from '../../support/repository.ts';
import { seeded } from '../networked.ts';
import { attackListener, hostileListener } from './raw/attack.ts';
import { scriptOf, Watched } from './raw/processes.ts';

const PACKETS = Number(process.env.NMC_RAW_FUZZ ?? 3000);
/** Of all packets, those at processes with the limits that everybody has. */
const LIMITED = Math.min(5000, PACKETS / 2);
const LONG = Math.max(60_000, PACKETS * 20);
/** Megabytes that a process may hold more than at its start. */
const MAX_GROWTH = 200;
const NMC = join(ROOT, 'dist/nmc.cjs');
const folder = temporaryFolder();
const [viewer, trainer, second] = [
  keyPairFromSeed(seeded(61)),
  keyPairFromSeed(seeded(62)),
  keyPairFromSeed(seeded(63)),
];
const running: Watched[] = [];
/** Nothing else is ever counted. */
const CODES: readonly string[] = [
  ...MESSAGE_REFUSALS,
  ...CONNECTION_REFUSALS,
  ...HANDSHAKE_REFUSALS.map((code) => `handshake: ${code}`),
];

function start(...args: readonly string[]): Watched {
  const watched = new Watched(args, folder);
  running.push(watched);
  return watched;
}

afterAll(() => {
  for (const watched of running) watched.kill();
});

/** As the operator of the folder's key: asks until the counters of what was refused are there. */
async function asOperator<T>(port: number, work: (link: Awaited<ReturnType<typeof dial>>) => Promise<T>): Promise<T> {
  const keys = readKey(join(folder, 'config', 'key.json'));
  const link = await dial({ address: { host: '127.0.0.1', port, secure: false }, role: 'operator', keys });
  try {
    return await work(link);
  } finally {
    link.close();
  }
}

const statusOf = (port: number): Promise<MeshStatus> => asOperator(port, askStatus);

/** That nobody listened on a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function expectSound(watched: Watched): void {
  expect(watched.ended).toBeUndefined();
  expect(watched.errors).not.toContain('"event":"caught"');
  expect(watched.growth).toBeLessThan(MAX_GROWTH);
}

// Each of them waits for its processes most of the time.
describe.concurrent('hostile packets at', () => {
  let synchronizer: Watched;
  let port = 0;

  beforeAll(async () => {
    synchronizer = start(NMC, 'synchronizer', '--listen', '127.0.0.1:0', '--state', 'state', '--json');
    const { address } = JSON.parse(await synchronizer.firstLine) as { readonly address: string };
    port = Number(address.split(':').at(-1));
    await asOperator(port, async (link) => {
      for (const [role, keys] of [
        ['viewer', viewer],
        ['trainer', trainer],
        ['trainer', second],
      ] as const)
        await link.ask({ what: 'allow', key: keyText(keys.publicKey), role });
    });
  }, 60_000);

  test('a synchronizer are refused by name, and it goes on', { timeout: LONG }, async ({ expect }) => {
    const operator = readKey(join(folder, 'config', 'key.json'));
    const roles: [Role, typeof operator][] = [
      ['viewer', viewer],
      ['trainer', trainer],
      ['operator', operator],
    ];
    const keys = roles.map(([role, pair]) => ({ role, keys: pair }));
    const letIn = await attackListener({ port, packets: 0.55 * LIMITED, seed: 1, keys });
    expect(letIn).toBeGreaterThan(0.05 * LIMITED);
    const { refused } = await statusOf(port);
    expect(Object.keys(refused)).not.toContain('internal');
    expect(Object.keys(refused).filter((code) => !CODES.includes(code))).toEqual([]);
    for (const code of ['schema', 'signature', 'no binary message', 'handshake: not a hello'])
      expect(refused[code], code).toBeGreaterThan(0);
    expectSound(synchronizer);
  });

  test('a trainer are refused by its listener, and by its dialler when a stranger answers', {
    timeout: LONG,
  }, async ({ expect }) => {
    const mesh = await hostileListener(keyPairFromSeed(seeded(64)), 2);
    const args = [
      'join',
      `127.0.0.1:${mesh.port}`,
      '--state',
      'joined',
      '--device',
      'reference',
      '--name',
      'volunteer',
    ];
    const direct = await freePort();
    const trainerProcess = start(NMC, ...args, '--listen', `127.0.0.1:${direct}`, '--json');
    await trainerProcess.firstLine;
    await expect.poll(() => mesh.connections(), { timeout: 20_000 }).toBeGreaterThan(1);
    mesh.turn();
    await attackListener({ port: direct, packets: 0.2 * LIMITED, seed: 3, keys: [] });
    const env = { NMC_CONFIG: join(folder, 'config') };
    const asked = [['status'], ['logs', 'a1'], ['stop', 'a1']].map((ask) =>
      nmc([...ask, '--mesh', `127.0.0.1:${mesh.port}`], { cwd: folder, env }),
    );
    for (const outcome of await Promise.all(asked)) expect([2, 3], outcome.stderr).toContain(outcome.code);
    await expect.poll(() => mesh.sent(), { timeout: LONG }).toBeGreaterThan(0.05 * LIMITED);
    expectSound(trainerProcess);
    await mesh.close();
  });

  test('a predictor are refused, and it goes on', { timeout: LONG }, async () => {
    const trained = await nmc(['train', writeTiny(folder, { epochs: 1 }), '--limit', '80', '--out', 'run'], {
      cwd: folder,
      env: { NMC_CONFIG: join(folder, 'config') },
    });
    expect(trained.code, trained.stderr).toBe(0);
    const serve = start(NMC, 'serve', '--run', 'run', '--device', 'reference', '--port', '0', '--json');
    const { address } = JSON.parse(await serve.firstLine) as { readonly address: string };
    await attackListener({
      port: Number(new URL(address).port),
      packets: 0.2 * LIMITED,
      seed: 4,
      keys: [],
      http: true,
    });
    expect((await fetch(`${address}/healthz`)).status).toBe(200);
    expectSound(serve);
  });

  test('both listeners are refused within limits of arrival that honest clients never reach', {
    timeout: LONG,
  }, async () => {
    const script = await scriptOf('open-doors');
    const operator = readKey(join(folder, 'config', 'key.json'));
    const listed = [viewer, trainer, operator].map((pair) => keyText(pair.publicKey));
    const doors = start(script, 'doors', listed[2] ?? '', 'viewer', listed[0] ?? '', 'trainer', listed[1] ?? '');
    const ports = JSON.parse(await doors.firstLine) as { readonly gateway: number; readonly direct: number };
    const packets = PACKETS - LIMITED;
    const together = 24;
    const gateway = attackListener({
      port: ports.gateway,
      packets: 0.7 * packets,
      seed: 5,
      together,
      keys: [
        { role: 'viewer', keys: viewer },
        { role: 'trainer', keys: trainer },
        { role: 'operator', keys: operator },
      ],
    });
    const neighbour = { role: 'trainer' as const, keys: trainer };
    const direct = attackListener({ port: ports.direct, packets: 0.3 * packets, seed: 6, together, keys: [neighbour] });
    expect(await gateway).toBeGreaterThan(0.05 * packets);
    expect(await direct).toBeGreaterThan(0.01 * packets);
    const { refused } = await statusOf(ports.gateway);
    expect(Object.keys(refused)).not.toContain('internal');
    const counted = new Promise<Record<string, number>>((resolve) =>
      doors.child.once('message', resolve as () => void),
    );
    doors.child.send('refused');
    expect(Object.keys(await counted)).not.toContain('internal');
    expectSound(doors);
    rmSync(script, { force: true });
  });
});
