/** The walking mesh: up, deploy, status, fetch, predict, with real processes, sockets and signatures; kill -9 included. */
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startOfTrainer } from '../../runtime/cli/mesh/start-of-trainer.ts';
import { isProcessAlive } from '../../runtime/support/process-alive.ts';
import { writeClassFolders } from '../support/class-folders.ts';
import { signalProcess } from '../support/end-process.ts';
import { largestDifference, TestMesh, weightHashes } from '../support/mesh.ts';
import { jsonLines, nmc, type Outcome, temporaryFolder, writeTiny } from '../support/nmc.ts';
import { waitFor } from '../support/wait-for.ts';

const folder = temporaryFolder();
const model = writeTiny(folder, { epochs: 2 });
const mesh = new TestMesh(folder);
const LIMIT = ['--limit', '320'];
/** Long enough to be met on the way, held up by its snapshots rather than by work. */
const LONG = [...LIMIT, '--epochs', '16'];
const HELD_UP = ['--partition', '2', '--snapshot-every', '5'];
let expected: Record<string, string> = {};
let expectedOfLong: Record<string, string> = {};

beforeAll(async () => {
  const alone = (out: string, length: readonly string[]) =>
    nmc(['train', model, ...length, '--shards', '2', '--out', out, '--json'], { cwd: folder });
  const [local, long] = await Promise.all([alone('local', LIMIT), alone('local-long', LONG), mesh.start(3)]);
  for (const { code, stderr } of [local, long]) expect(code, stderr).toBe(0);
  expected = weightHashes(join(folder, 'local'));
  expectedOfLong = weightHashes(join(folder, 'local-long'));
}, 180_000);

afterAll(() => mesh.kill());

test('nmc up prints its address and its trainers, and nmc status shows them', async () => {
  expect(mesh.up.trainers.map((t) => t.name).sort()).toEqual(['trainer-1', 'trainer-2', 'trainer-3']);
  expect((await mesh.status()).runs).toEqual([]);
  const known = async (): Promise<unknown[]> =>
    (await mesh.status()).trainers.map(({ key, pid, state }) => `${key} ${pid} ${state}`).sort();
  const expected = mesh.up.trainers.map(({ key, pid }) => `${key} ${pid} idle`).sort();
  await expect.poll(known, { timeout: 30_000 }).toEqual(expected);
});

test.runIf(existsSync('/proc/self/environ'))('trainers of nmc up have the memory of those that join', () => {
  const { heap, allocation } = startOfTrainer(undefined);
  for (const { pid } of mesh.up.trainers) {
    const [words, settings] = ['cmdline', 'environ'].map((file) =>
      readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0'),
    );
    expect(words).toEqual(expect.arrayContaining([...heap]));
    expect(settings).toEqual(expect.arrayContaining(Object.entries(allocation).map((setting) => setting.join('='))));
  }
});

test('a port that is taken and a trainer that does not exist are named in the message', async () => {
  const { port } = new URL(`http://${mesh.up.address}`);
  const second = await nmc(['up', '--trainers', '1', '--port', port, '--state', 'second'], { cwd: folder });
  expect(second.code).toBe(3);
  expect(second.stderr).toContain(`another program listens on 127.0.0.1:${port}`);
  const left = await mesh.run('leave', 'nobody');
  expect(left.code).toBe(2);
  expect(left.stderr).toContain('there is no trainer nobody');
}, 60_000);

test('a dry run says where shards would go', async () => {
  const [placement] = await mesh.json('deploy', model, ...LIMIT, '--partition', '2', '--dry-run');
  expect(placement).toMatchObject({ event: 'placement', missing: [], epoch: { snapshots: 1 } });
  const { seconds, snapshotSeconds, evaluationSeconds } = (placement?.epoch ?? {}) as Readonly<Record<string, number>>;
  expect(snapshotSeconds).toBeGreaterThan(0);
  expect(evaluationSeconds).toBeGreaterThan(0);
  expect(seconds).toBeGreaterThan((snapshotSeconds ?? 0) + (evaluationSeconds ?? 0));
  const shards = (placement?.shards ?? []) as { trainer: string }[];
  const owners = shards.map((s) => s.trainer);
  expect(new Set(owners).size).toBe(2);
});

test('two shards on two trainers end with the weights of one process, bit for bit', async () => {
  const outcome = await mesh.run('deploy', model, ...LIMIT, '--partition', '2', '--watch', '--json');
  expect(outcome.code, outcome.stdout + outcome.stderr).toBe(0);
  const events = jsonLines(outcome);
  expect(events.map((e) => e.event)).toEqual(['start', 'epoch', 'epoch', 'done']);
  const run = String(events.at(-1)?.out);
  await mesh.json('fetch', run, '-o', 'fetched');
  expect(weightHashes(join(folder, 'fetched'))).toEqual(expected);
  const checksOf = async (folderOfRun: string): Promise<unknown> =>
    jsonLines(await nmc(['eval', folderOfRun, '--json'], { cwd: folder }))[0]?.checks;
  expect(await checksOf('fetched')).toEqual(await checksOf('local'));
  const [kept] = jsonLines(await nmc(['train', '--resume', 'fetched', '--json'], { cwd: folder }));
  expect(kept).toMatchObject({ event: 'done', checks: events.at(-1)?.checks });
  const [status] = (await mesh.status()).runs;
  expect(status).toMatchObject({ run, state: 'done', epochs: 2, checked: 'recomputed' });
  // Both can be dialled: what goes through the relay is what was said before they had met.
  expect(status?.shards).toMatchObject([
    { borders: 1, direct: 1 },
    { borders: 1, direct: 1 },
  ]);
  const sent = (status?.shards ?? []).reduce((sum, s) => sum + s.bytesSent, 0);
  expect((await mesh.status()).relayedBytes).toBeLessThan(sent / 2);
  const metrics = await (await fetch(`http://${mesh.up.address}/metrics`)).text();
  expect(metrics).toContain(`nmc_shard_borders{run="${run}",shard="0",way="direct"} 1`);
  expect(metrics).toContain(`nmc_shard_border_bytes_total{run="${run}",shard="1",direction="received"}`);
}, 180_000);

test('a listed run pays its trainers all of its tokens, and a copy of the ledger holds', async () => {
  const [run] = (await mesh.status()).runs;
  await mesh.json('ledger', 'fund', run?.run ?? '', '--tokens', '1000', '--emission');
  const granted = async (): Promise<unknown> => {
    const { records } = (await mesh.ask({ what: 'ledger', from: 1 })) as { records: { value: string }[] };
    const entries = records.map(({ value }) => JSON.parse(value) as { type: string; tokens: number; returned: number });
    const sum = (type: string): number => entries.reduce((all, e) => all + (e.type === type ? e.tokens : 0), 0);
    const left = entries.find(({ type }) => type === 'closed')?.returned;
    return { granted: sum('granted') + (left ?? Number.NaN), issued: sum('emission') };
  };
  await expect.poll(granted, { timeout: 60_000 }).toEqual({ granted: 1000, issued: 1000 });
  const earned = (await mesh.json('ledger', 'balance')).map(({ key, earned }) => [key, Number(earned) > 100]);
  const keys = mesh.up.trainers.map(({ key }) => key);
  expect(earned).toEqual([...earned.map(([key]) => [keys.find((own) => own === key), true])]);
  expect(earned).toHaveLength(2);
  await mesh.json('ledger', 'export', 'ledger.jsonl');
  const copy = await nmc(['ledger', 'verify', 'ledger.jsonl', '--json'], { cwd: folder, env: mesh.env });
  expect([copy.code, jsonLines(copy)]).toMatchObject([0, [{ copies: [{ problems: [], mesh: mesh.up.key }] }]]);
}, 120_000);

test('a client pays for predictions with what a trainer has earned, runs out and is refused', async () => {
  const [most] = (await mesh.json('ledger', 'balance')).sort((a, b) => Number(b.balance) - Number(a.balance));
  const payer = mesh.up.trainers.find(({ key }) => key === most?.key)?.name ?? '';
  const serve = ['serve', '--run', 'fetched', '--price', '2', '--ledger', mesh.up.address, '--port', '0', '--json'];
  let server: ChildProcess | undefined;
  let ended: Promise<Outcome> | undefined;
  const { address, payment } = await new Promise<{ address: string; payment: { server: string } }>(
    (resolve, reject) => {
      ended = nmc(serve, {
        ...{
          cwd: folder,
          env: mesh.env,
          onStart: (child) => {
            server = child;
          },
        },
        onLine: (line) => resolve(JSON.parse(line)),
      });
      ended.then(({ stderr }) => reject(new Error(`it has ended: ${stderr}`)), reject);
    },
  );
  const key = join('state', 'trainers', payer, 'key.json');
  const [opened] = await mesh.json('ledger', 'open', payment.server, '4', '--key', key);
  const sample = JSON.stringify({ image: Array.from({ length: 784 }, (_, i) => i % 5) });
  const asked = await nmc(
    ['predict', address, '--input', '-', '--pay', String(opened?.channel), '--answers', 'answers.jsonl'],
    {
      ...{ cwd: folder, env: mesh.env, input: `${sample}\n${sample}\n${sample}\n` },
    },
  );
  expect([asked.code, asked.stdout.trim().split('\n').length]).toEqual([2, 2]);
  expect(asked.stderr).toContain(
    '1 sample is not predicted: one costs 2 tokens, and 4 of the 4 tokens of the channel are spent',
  );
  server?.kill('SIGINT');
  expect((await ended)?.code).toBe(0);
  expect(await mesh.json('ledger', 'balance', payment.server)).toMatchObject([{ earned: '0', balance: '4' }]);
  const [audited] = jsonLines(await nmc(['audit', 'fetched', '--answer', 'answers.jsonl', '--json'], { cwd: folder }));
  expect(audited).toMatchObject({ verdict: 'match', by: payment.server });
}, 120_000);

test('another trainer takes over after kill -9, and the weights are the same', async () => {
  const [deployed] = await mesh.json('deploy', model, ...LONG, ...HELD_UP);
  const run = String(deployed?.run);
  const owner = async (): Promise<string | null | undefined> =>
    (await mesh.status()).runs.find((r) => r.run === run && r.state === 'running' && (r.snapshot ?? 0) > 0)?.shards[0]
      ?.trainer;
  const name = await waitFor('owner of shard 0 behind a snapshot', async () => (await owner()) ?? undefined);
  const pid = (await mesh.status()).trainers.find((t) => t.name === name)?.pid;
  signalProcess(pid, 'SIGKILL');
  const watched = async (): Promise<string | undefined> => (await mesh.status()).runs.find((r) => r.run === run)?.state;
  await expect.poll(watched, { timeout: 90_000, interval: 300 }).toBe('done');
  await mesh.json('fetch', run, '-o', 'survived');
  expect(weightHashes(join(folder, 'survived'))).toEqual(expectedOfLong);
  const log = await mesh.json('logs', run);
  expect(log.map((r) => r.event)).toContain('lost');
  // What entered the synchronizer, gone through again: the same effects, state by state, to the same end.
  const replayed = await mesh.json('logs', run, '--replay');
  const last = replayed.at(-1);
  expect(last).toMatchObject({ event: 'replayed', differences: 0, state: { phase: 'done' } });
  expect(last?.events).toBe(replayed.length - 1);
  expect(replayed.some((r) => (r.entered as { kind?: string } | undefined)?.kind === 'disconnected')).toBe(true);
  const epochs = log.filter((r) => r.event === 'epoch-of-owners').length;
  const again = replayed.flatMap((r) => (r.effects as { kind: string; event?: { event: string } }[] | undefined) ?? []);
  expect(again.filter((e) => e.kind === 'log' && e.event?.event === 'epoch-of-owners')).toHaveLength(epochs);
}, 180_000);

test('pipelined microbatches end near the weights of lockstep, with the bits of the same shards in one process', async () => {
  const parts = ['--microbatches', '4'];
  const here = ['train', model, ...LIMIT, '--shards', '2', ...parts, '--out', 'divided', '--json'];
  const divided = await nmc(here, { cwd: folder });
  expect(divided.code, divided.stderr).toBe(0);
  const pipelined = ['--partition', '2', '--schedule', 'pipelined', ...parts, '--watch'];
  const events = await mesh.json('deploy', model, ...LIMIT, ...pipelined);
  await mesh.json('fetch', String(events.at(-1)?.out), '-o', 'pipelined');
  const hashes = weightHashes(join(folder, 'pipelined'));
  expect(hashes).toEqual(weightHashes(join(folder, 'divided')));
  expect(hashes).not.toEqual(expected);
  // In f32 the order of sums is all that differs: so much of a tensor's largest weight, after two epochs.
  expect(largestDifference(join(folder, 'pipelined'), join(folder, 'local'))).toBeLessThan(1e-3);
}, 180_000);

test('microbatches of which the last is smaller give the bits of the same shards in one process', async () => {
  const parts = ['--microbatches', '3'];
  const here = ['train', model, ...LIMIT, '--shards', '2', ...parts, '--out', 'uneven-here', '--json'];
  const local = await nmc(here, { cwd: folder });
  expect(local.code, local.stderr).toBe(0);
  const [placement] = await mesh.json('deploy', model, '--partition', '2', ...parts, '--dry-run');
  expect(placement).toMatchObject({ microbatches: 3, batch: 16 });
  const events = await mesh.json('deploy', model, ...LIMIT, '--partition', '2', ...parts, '--watch');
  await mesh.json('fetch', String(events.at(-1)?.out), '-o', 'uneven');
  expect(weightHashes(join(folder, 'uneven'))).toEqual(weightHashes(join(folder, 'uneven-here')));
  expect(largestDifference(join(folder, 'uneven'), join(folder, 'local'))).toBeLessThan(1e-3);
}, 180_000);

test('batches begun on predicted weights give the bits of the same shards in one process, and a run like any other', async () => {
  const parts = ['--microbatches', '4', '--ahead', '1'];
  const here = ['train', model, ...LIMIT, '--shards', '2', ...parts, '--out', 'ahead-here', '--json'];
  const local = await nmc(here, { cwd: folder });
  expect(local.code, local.stderr).toBe(0);
  const [placement] = await mesh.json('deploy', model, '--partition', '2', ...parts, '--dry-run');
  expect(placement).toMatchObject({ schedule: 'pipelined', microbatches: 4, ahead: 1, said: { ahead: '--ahead' } });
  const events = await mesh.json('deploy', model, ...LIMIT, '--partition', '2', ...parts, '--watch');
  const run = String(events.at(-1)?.out);
  expect((await mesh.status()).runs.find((r) => r.run === run)).toMatchObject({ microbatches: 4, ahead: 1 });
  await mesh.json('fetch', run, '-o', 'ahead');
  expect(weightHashes(join(folder, 'ahead'))).toEqual(weightHashes(join(folder, 'ahead-here')));
  expect(weightHashes(join(folder, 'ahead'))).not.toEqual(weightHashes(join(folder, 'pipelined')));
  const checksOf = async (folderOfRun: string): Promise<unknown> =>
    jsonLines(await nmc(['eval', folderOfRun, '--json'], { cwd: folder }))[0]?.checks;
  expect(await checksOf('ahead')).toEqual(await checksOf('ahead-here'));
}, 180_000);

test('a model that cannot be pipelined is refused with the reason', async () => {
  const odd = await mesh.run('deploy', model, '--partition', '2', '--schedule', 'pipelined', '--microbatches', '7');
  expect(odd).toMatchObject({ code: 2 });
  expect(odd.stderr).toContain(
    'a batch of 16 cannot be divided into 7 parts of 3: no sample would be left for the last',
  );
});

test('the schedule that the model names is taken where no option names one', async () => {
  const said = join(folder, 'said.pcn');
  const home = 'schedule home of tiny {\n  shards = 2\n  mode = pipelined\n  microbatches = 4\n}\n';
  writeFileSync(said, `${readFileSync(model, 'utf8')}\n${home}`);
  const placed = async (...options: string[]) => (await mesh.json('deploy', said, ...options, '--dry-run'))[0];
  expect(await placed()).toMatchObject({
    schedule: 'pipelined',
    microbatches: 4,
    said: { schedule: 'schedule home', microbatches: 'schedule home' },
    shards: [{ shard: 0 }, { shard: 1 }],
  });
  expect(await placed('--microbatches', '2')).toMatchObject({
    microbatches: 2,
    said: { microbatches: '--microbatches' },
  });
  expect(await placed('--schedule', 'lockstep')).toMatchObject({ schedule: 'lockstep', microbatches: 1 });
  expect(await placed('--partition', '1')).toMatchObject({ schedule: 'lockstep', said: { schedule: 'one shard' } });
  const ipc = await mesh.run('deploy', said, 'ipc', '--dry-run');
  expect(ipc).toMatchObject({ code: 2 });
  expect(ipc.stderr).toContain('ipc cannot be pipelined, as schedule home asks: iPC has no single weight step');
  // The same bits as with the options, which `nmc train` takes from the model too.
  const events = await mesh.json('deploy', said, ...LIMIT, '--watch');
  const run = String(events.at(-1)?.out);
  expect((await mesh.status()).runs.find((r) => r.run === run)).toMatchObject({
    schedule: 'pipelined',
    microbatches: 4,
  });
  await mesh.json('fetch', run, '-o', 'said');
  for (const [out, file, parts] of [
    ['said-here', said, []],
    ['said-by-option', model, ['--microbatches', '4']],
  ] as const) {
    const args = ['train', file, ...LIMIT, '--shards', '2', ...parts, '--out', out, '--json'];
    const here = await nmc(args, { cwd: folder });
    expect(here.code, here.stderr).toBe(0);
    expect(weightHashes(join(folder, out))).toEqual(weightHashes(join(folder, 'said')));
  }
}, 240_000);

test('a dry run divides the batch, and says the rate and its limit', async () => {
  const [placement] = await mesh.json('deploy', model, '--partition', '2', '--schedule', 'pipelined', '--dry-run');
  expect(placement?.microbatches).toBeLessThanOrEqual(16);
  expect(placement?.samplesPerSecond).toBeGreaterThan(0);
  expect(String(placement?.limit)).toMatch(/work|frames|delay|upload|download/);
});

test('a plan is not cut again, and a schedule that does not exist is refused', async () => {
  await nmc(['compile', model, '--out', 'tiny.plan'], { cwd: folder });
  const cut = await mesh.run('deploy', 'tiny.plan', '--partition', '2');
  expect(cut.code).toBe(2);
  expect(cut.stderr).toContain('already cut');
  const unknown = await mesh.run('deploy', model, '--schedule', 'sometimes');
  expect(unknown.code).toBe(2);
});

test('a mesh refuses by name what it cannot train', async () => {
  const keeps = join(folder, 'keeps.pcn');
  writeFileSync(keeps, readFileSync(model, 'utf8').replaceAll(/^( *)batch .*$/gm, '$&\n$1last = keep'));
  const refused = await mesh.run('deploy', keeps);
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain('error[train/last]');
});

test('a fetched run numbers the classes of a check as its training did', async () => {
  writeClassFolders(folder, 'classes.pcn');
  const events = await mesh.json('deploy', 'classes.pcn', '--watch');
  await mesh.json('fetch', String(events.at(-1)?.out), '-o', 'classes');
  const config = JSON.parse(readFileSync(join(folder, 'classes/config.json'), 'utf8')) as { settings: unknown };
  expect(config.settings).toMatchObject({ trainedOn: { classes: { label: ['bright', 'dark'] } } });
  const evaluated = await nmc(['eval', 'classes', '--json'], { cwd: folder });
  expect(jsonLines(evaluated)[0]).toMatchObject({ checks: [{ value: 1, pass: true }] });
}, 90_000);

test('a mesh reports the validation and what an epoch leaves out as one machine does', async () => {
  const validated = join(folder, 'validated.pcn');
  writeFileSync(
    validated,
    readFileSync(model, 'utf8').replaceAll(/^( *)batch .*$/gm, '$&\n$1validate on data.glyphs.test[0..63]'),
  );
  const length = ['--limit', '328', '--epochs', '1'];
  const told = async (run: Promise<{ code: number | null; stdout: string; stderr: string }>) => {
    const ended = await run;
    const epoch = jsonLines({ ...ended, signal: null }).find((event) => event.event === 'epoch');
    return { validation: epoch?.validation, leftOut: epoch?.leftOut };
  };
  const shards = ['--shards', '2', '--out', 'validated', '--json'];
  const here = await told(nmc(['train', validated, ...length, ...shards], { cwd: folder }));
  const there = await told(mesh.run('deploy', validated, '--partition', '2', ...length, '--watch', '--json'));
  expect(here).toEqual({ validation: expect.any(Number), leftOut: 8 });
  expect(there).toEqual(here);
});

test('nmc serve follows a run of the mesh', async () => {
  let child: ChildProcess | undefined;
  const address = await new Promise<string>((resolve, reject) => {
    const args = ['serve', '--mesh', mesh.up.address, '--port', '0', '--json'];
    const onStart = (started: ChildProcess): void => {
      child = started;
    };
    const onLine = (line: string): void => resolve((JSON.parse(line) as { address: string }).address);
    nmc(args, { cwd: folder, env: mesh.env, onStart, onLine }).then((o) => reject(new Error(o.stderr)), reject);
  });
  const answer = await fetch(`${address}/predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ image: new Array(784).fill(0) }),
  });
  expect(answer.status).toBe(200);
  expect(((await answer.json()) as { digit_scores: number[] }).digit_scores).toHaveLength(10);
  child?.kill('SIGINT');
}, 90_000);

test('SIGINT stops the mesh with a last snapshot; nmc up goes on to the same weights', async () => {
  const [deployed] = await mesh.json('deploy', model, ...LONG, ...HELD_UP);
  const run = String(deployed?.run);
  const calls = async (): Promise<number> =>
    Math.max(0, ...((await mesh.status()).runs.find((r) => r.run === run)?.shards.map((s) => s.batch) ?? []));
  await expect.poll(calls, { timeout: 90_000, interval: 50 }).toBeGreaterThan(2);
  const pids = (await mesh.status()).trainers.flatMap((t) => t.pid ?? []);
  expect(await mesh.stop()).toMatchObject({ code: 0 });
  expect(pids.length).toBeGreaterThan(0);
  for (const pid of pids) expect(isProcessAlive(pid)).toBe(false);
  expect((await mesh.run('status')).code).toBe(3);
  // The rest of it through the relay alone: the way makes no difference.
  await mesh.start(2, '--relay');
  const state = async (): Promise<string | undefined> => (await mesh.status()).runs.find((r) => r.run === run)?.state;
  await expect.poll(state, { timeout: 90_000, interval: 300 }).toBe('done');
  await mesh.json('fetch', run, '-o', 'continued');
  expect(weightHashes(join(folder, 'continued'))).toEqual(expectedOfLong);
  const relayed = (await mesh.status()).runs.find((r) => r.run === run)?.shards;
  expect(relayed?.map((s) => s.direct)).toEqual([0, 0]);
  expect((await mesh.status()).relayedBytes).toBeGreaterThan(0);
  await mesh.stop();
}, 180_000);
