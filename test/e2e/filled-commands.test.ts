/** Every command that is printed with placeholders runs once they are filled in. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import { keyText } from '../../runtime/identity/key-text.ts';
import { filledIn, isFilledIn, printedCommands } from '../support/filled-commands.ts';
import { TestMesh } from '../support/mesh.ts';
import { nmc, temporaryFolder, writeTiny } from '../support/nmc.ts';
import { nmcInProcess } from '../support/nmc-in-process.ts';
import { ROOT } from '../support/repository.ts';
import { waitFor } from '../support/wait-for.ts';
import { greyPng } from '../unit/data/fixtures.ts';

/** Not run here, and why. */
const LEFT_OUT: readonly [RegExp, string][] = [
  [/^(serve|up|join)\b/, 'goes on until Ctrl-C: printed-commands.test.ts pastes it'],
  [/^(doctor|bench)\b/, 'measures for seconds: webgpu.test.ts'],
  [/^data get/, 'needs a network: usage.test.ts'],
  [/^service install --? ?(?!--print)/, 'would install it: service-unit.test.ts'],
  [/^mesh init\b|--nats\b/, 'needs servers of NATS: nats-backplane, nats-chain, nats-synchronizer, move.test.ts'],
  [/^mesh verify --accept\b/, 'needs a stream that differs from its copy: nats-chain.test.ts'],
  [/^predict URL\b/, 'asks a server that is paid: paid-predictions.test.ts'],
  [/^predict RUN --prompt\b/, 'needs a run of a text: text.test.ts'],
  [/^(mesh stretch|audit)\b/, 'needs two runs of some length: mesh-runs.test.ts'],
  [/^ledger\b/, 'reads what another one writes: mesh.test.ts, ledger/commands.test.ts'],
  [/^vote\b/, 'needs tokens that were earned: votes.test.ts, several.test.ts'],
  [/^fmt -$/, 'has no placeholder but standard input'],
  [/^COMMAND --help$/, 'is any command: usage.test.ts'],
];

/** These end what others need. */
const LAST = ['keys token', 'keys expire', 'keys revoke', 'keys token revoke', 'stop', 'leave'];

const OF_THREADS = /^(train|predict|eval|export|mesh replay)\b/;

const commands = printedCommands()
  .filter(isFilledIn)
  .filter((command) => !LEFT_OUT.some(([pattern]) => pattern.test(command)));
const rank = (command: string): number => LAST.findIndex((start) => command.startsWith(start));

const folder = temporaryFolder();
const mesh = new TestMesh(folder);
const values: Record<string, string> = {
  ...{ FILE: 'tiny.pcn', DIR: 'made', PLAN: 'tiny.plan', K: '2', N: '2', S: '7', MS: '40', G: '5', CODE: 'link/shape' },
  ...{ RUN: 'run', TASK: 'il', ROLE: 'viewer', KEY: keyText(keyPairFromSeed(new Uint8Array(32).fill(9)).publicKey) },
  ...{ 'PATH/OF/THIS/FOLDER': 'run', 'runs/digits': 'run', 'runs/first': 'run', 'my.png': 'in.png' },
  ...{ 'predict --input FILE': 'in.png', 'export --onnx FILE': 'out.onnx', 'fetch -o DIR': 'fetched' },
  ...{ 'mesh -o FILE': 'mesh.json', RECORD: 'record.json', GRAPH: 'a.graph', 'partition -o FILE': 'a.part' },
  ...{
    'simulate --record FILE': 'events.jsonl',
    'events.jsonl': 'events.jsonl',
    'simulate --faults FILE': 'faults.json',
  },
  ...{ A: 'tiny.plan', B: 'tiny.plan', 'flowers.csv': 'flowers.csv', DATA: 'flowers.csv', 'new FILE': 'flowers.csv' },
  ...{ 'keys NAME': 'laptop', 'leave NAME': 'trainer-1', COMMAND: 'synchronizer' },
};

const run = (words: readonly string[]) => nmc(words, { cwd: folder, env: { ...mesh.env, NMC_MESH: mesh.up.address } });

async function done(...words: string[]): Promise<void> {
  const { code, stderr } = await run(words);
  expect(code, `nmc ${words.join(' ')}\n${stderr}`).toBe(0);
}

beforeAll(async () => {
  writeTiny(folder, { epochs: 1, train: 'data.glyphs.train[0..63]' });
  const write = (name: string, text: string | Uint8Array): void => writeFileSync(join(folder, name), text);
  write(
    'in.png',
    greyPng(28, 28, (x) => x),
  );
  write('a.graph', '3 2\n2\n1 3\n2\n');
  write('faults.json', '{"latency": 5}');
  write('flowers.csv', `petal,sepal,kind\n${'1.5,2.5,oak\n2.5,1.25,ash\n'.repeat(20)}`);
  const device = { device: 'cpu', available: true, description: 'x' };
  const measured = { gflops: 100, gigabytesPerSecond: 10, dispatchesPerSecond: 1000 };
  const machine = { format: '1.0', name: 'desk', platform: 'linux', arch: 'x64', cores: 8, memoryBytes: 2 ** 34 };
  const auto = { device: 'cpu', why: 'the only one' };
  write('record.json', JSON.stringify({ ...machine, upload: 2.5e6, devices: [{ ...device, measured }], auto }));
  const up = mesh.start(1);
  await done('train', 'tiny.pcn', '--limit', '64', '--out', 'run');
  await done('compile', 'tiny.pcn', '-o', 'tiny.plan');
  await up;
  const [deployed] = await mesh.json('deploy', 'tiny.pcn', '--limit', '64');
  const name = String(deployed?.run);
  await waitFor('the end of the run', async () => {
    const { runs } = await mesh.status();
    return runs.find((r) => r.run === name && r.state === 'done');
  });
  for (const command of ['logs', 'fetch', 'stop']) values[`${command} RUN`] = name;
  const records = join(folder, 'state', 'trainers', 'trainer-1', 'records', name);
  const [record = ''] = readdirSync(records);
  for (const word of ['RECORD', 'records/RUN/0-1-0.rec']) values[`mesh replay ${word}`] = join(records, record);
  values.ADDR = mesh.up.address;
  process.chdir(folder);
  vi.stubEnv('NMC_CONFIG', mesh.env.NMC_CONFIG ?? '');
  vi.stubEnv('NMC_MESH', mesh.up.address);
}, 120_000);

afterAll(async () => {
  process.chdir(ROOT);
  vi.unstubAllEnvs();
  await mesh.stop();
  mesh.kill();
});

test('commands with placeholders are found in texts and on pages', () => {
  expect(commands.length).toBeGreaterThan(35);
  for (const [pattern, why] of LEFT_OUT)
    expect(
      printedCommands().some((c) => pattern.test(c)),
      why,
    ).toBe(true);
});

/** The exit code, and what went wrong. Commands that need threads are the built program; others save the start of one. */
async function outcomeOf(words: readonly string[]): Promise<{ readonly code: number | null; readonly said: string }> {
  const { code, stdout, stderr } = OF_THREADS.test(words.join(' ')) ? await run(words) : await nmcInProcess(...words);
  return { code, said: stderr || stdout };
}

test('commands with placeholders run once they are filled in', async () => {
  const failed: string[] = [];
  const filled = [...new Set(commands)].map((command) => filledIn(command, values));
  const lines = [...new Map(filled.map((words) => [words.join(' '), words])).entries()];
  const runAll = async (some: typeof lines): Promise<void> => {
    for (const [line, words] of some) {
      const { code, said } = await outcomeOf(words);
      if (code !== 0) failed.push(`nmc ${line} ends with ${code}: ${said}`);
    }
  };
  const early = lines.filter(([line]) => rank(line) < 0);
  await Promise.all([
    runAll(early.filter(([line]) => OF_THREADS.test(line))),
    runAll(early.filter(([line]) => !OF_THREADS.test(line))),
  ]);
  await runAll(lines.filter(([line]) => rank(line) >= 0).sort(([a], [b]) => rank(a) - rank(b)));
  expect(failed).toEqual([]);
}, 180_000);
