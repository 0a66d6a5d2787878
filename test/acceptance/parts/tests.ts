/** Parts that are tests of this repository, some at full length. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

export interface Suite {
  readonly name: string;
  readonly what: string;
  readonly takes: string;
  /** Files or folders; those that do not exist are left out. */
  readonly files: (root: string) => readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Its own configuration, where the usual one leaves the files out. */
  readonly config?: string;
}

/** Combinations that `npm test` leaves out, too. */
const EVERY = { NMC_EVERY: '1' };

const fuzzTests = (root: string): string[] =>
  readdirSync(join(root, 'test/fuzz'))
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => `test/fuzz/${file}`);
const hostile = (name: string): string => `test/mesh/hostile/${name}.test.ts`;
const isData = (file: string): boolean => file.endsWith('/data.test.ts');

const suites: readonly Suite[] = [
  {
    name: 'numerics',
    what: 'ground truth: derivatives, linear equilibria, rules, every operator on every device',
    takes: 'a minute',
    files: () => ['test/numerics', 'test/compliance'],
    environment: EVERY,
  },
  {
    name: 'z-il',
    what: "Z-IL's weight step is backpropagation's, and is not with rate 0.5",
    takes: 'seconds',
    files: () => ['test/numerics/z-il.test.ts'],
  },
  {
    name: 'fuzz-pcn',
    what: '100,000 damaged .pcn files: only diagnostics, none over 1 s',
    takes: '5 minutes or more',
    files: (root) => fuzzTests(root).filter((file) => !isData(file)),
    environment: { NMC_FUZZ: '100000' },
  },
  {
    name: 'fuzz-data',
    what: '10,000 damaged files of every data format: only messages',
    takes: '10 minutes',
    files: (root) => fuzzTests(root).filter(isData),
    environment: { NMC_FUZZ: '10000' },
  },
  {
    name: 'mesh-fuzz',
    what: '100,000 damaged frames, messages and handshakes of the mesh: refused, never applied',
    takes: '2 minutes',
    files: () => ['test/fuzz/wire.test.ts'],
    environment: { NMC_FUZZ: '100000' },
  },
  {
    name: 'mesh-raw-fuzz',
    what: '100,000 hostile packets over raw sockets: no process ends, holds much, or keeps its operator out',
    takes: '2 minutes or more',
    files: () => ['test/mesh/hostile/raw-sockets.test.ts'],
    environment: { NMC_RAW_FUZZ: '100000' },
  },
  {
    name: 'mesh-chaos',
    what: 'kill -9 of a trainer and of the synchronizer, 50 times each: the weights as undisturbed',
    takes: '20 minutes or more',
    files: () => ['test/e2e/chaos.test.ts'],
    environment: { NMC_CHAOS: '50' },
  },
  {
    name: 'mesh-churn',
    what: '200 nodes that come and go, 200 seeds: one owner a shard, none without for 30 s while a trainer is free',
    takes: '20 minutes',
    files: () => ['test/mesh/simulation.test.ts'],
    environment: { NMC_SEEDS: '200' },
  },
  {
    name: 'partition-exact',
    what: 'bottleneck within 5 % of the optimum that HiGHS proves, on 200 seeded problems of up to 20 pieces',
    takes: '5 minutes',
    files: () => ['test/unit/partition/exact.test.ts'],
    environment: { NMC_EXACT: '200' },
  },
  {
    name: 'lockstep',
    what: 'every train block of every example: 2, 3 and 8 shards train as one does, the same bits where no node is cut',
    takes: '10 minutes',
    files: () => ['test/unit/partition/examples.test.ts'],
    environment: { NMC_LOCKSTEP: 'all' },
  },
  {
    name: 'border-width',
    what: "bytes of a border grow as the network's width, over widths from 64 to 4096",
    takes: 'seconds',
    files: () => ['test/unit/partition/border-width.test.ts'],
  },
  {
    name: 'hostile-plans',
    what: 'damaged plans: changed bytes, other hashes and versions, paths outside, sizes that overflow: refused unread',
    takes: 'minutes',
    files: () => [
      'test/fuzz/plan.test.ts',
      'test/unit/plan',
      'test/unit/partition/plan.test.ts',
      'test/unit/partition/hostile.test.ts',
    ],
  },
  {
    name: 'kill',
    what: 'kill -9 at any moment leaves a run that loads and resumes',
    takes: 'minutes',
    files: (root) => ['test/unit/store', 'test/e2e'].flatMap((folder) => filesAbout(root, folder, /kill|resume/)),
  },
  {
    name: 'webgpu',
    what: "every task of every example, at a small size, trains on webgpu to the reference's energies, in Node and in a browser",
    takes: '6 minutes',
    files: () => [
      'test/compliance/webgpu.test.ts',
      'test/compliance/programs-webgpu.test.ts',
      'test/compliance/launches.test.ts',
      'test/compliance/split-products.test.ts',
      'test/compliance/half-weights.test.ts',
      'test/e2e/browser-examples.test.ts',
    ],
    environment: EVERY,
  },
  {
    name: 'webgpu-full',
    what: 'every example on generated data, two batches (cortex with 16 columns, memory with 100 ticks): webgpu reaches the energies of cpu',
    takes: '20 minutes',
    files: () => ['test/acceptance/webgpu.long.ts'],
    config: 'test/acceptance/vitest.config.ts',
  },
  {
    name: 'webgpu-none',
    what: 'nmc doctor and nmc bench without an adapter and with a software one; a device that goes away',
    takes: '2 minutes',
    files: () => ['test/e2e/webgpu.test.ts', 'test/unit/device/webgpu.test.ts'],
    environment: EVERY,
  },
  {
    name: 'mesh-kills',
    what: 'kill -9 during garbage collection, deploy, fetch and snapshot, 200 times: nothing lost that a manifest names',
    takes: '3 minutes',
    files: () => ['test/mesh/hostile/kills.test.ts'],
    environment: { NMC_TEST_KILLS: '200' },
  },
  {
    name: 'mesh-liars',
    what: 'a trainer that fails, stalls, sends NaN, bends parts and sums: honest weights, true checks, the liar named in the log',
    takes: '2 minutes',
    files: () => ['liars', 'border-liars', 'part-liars', 'roles', 'evidence', 'disputes'].map(hostile),
  },
  {
    name: 'mesh-doors',
    what: 'strangers, browsers, relays, keys, plans, paths, sizes and disks: every attack that is known is refused',
    takes: '3 minutes',
    files: () => ['test/mesh/hostile', 'test/unit/plan/kernels.test.ts', 'test/architecture.test.ts'],
    environment: EVERY,
  },
  {
    name: 'glyphs',
    what: 'data.glyphs: a linear classifier < 0.93, a good network > 0.97',
    takes: '2 minutes',
    files: () => ['test/acceptance/glyphs.long.ts'],
    config: 'test/acceptance/vitest.config.ts',
  },
];

export const testParts: readonly Part[] = suites.map((suite) => ({
  name: suite.name,
  what: suite.what,
  takes: suite.takes,
  run: async (context) => [await measureSuite(suite, context)],
}));

function filesAbout(root: string, folder: string, name: RegExp): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder))
    .filter((file) => file.endsWith('.test.ts') && name.test(file))
    .map((file) => `${folder}/${file}`);
}

export async function measureSuite(suite: Suite, context: Context): Promise<Row> {
  const { name, what } = suite;
  const target = 'every test passes';
  const files = suite.files(context.root);
  if (files.length === 0) return notRun(name, what, target, 'there is no such test');
  const report = join(context.root, '.cache', 'acceptance', `${name}.json`);
  rmSync(report, { force: true });
  const vitest = join(context.root, 'node_modules', 'vitest', 'vitest.mjs');
  const config = suite.config ?? 'test/vitest.config.ts';
  const args = [
    vitest,
    'run',
    '--config',
    config,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    '--testTimeout=7200000',
  ];
  const environment = context.trial && suite.environment ? { NMC_FUZZ: '50', NMC_EXACT: '6' } : suite.environment;
  const end = await runCommand(process.execPath, [...args, ...files], {
    cwd: context.root,
    env: { ...process.env, ...environment },
    onLine: context.progress,
  });
  const { passed, total } = countTests(report);
  const measured = `${passed} of ${total} in ${end.seconds.toFixed(0)} s`;
  if (context.trial && suite.environment) return notRun(name, what, target, `a trial: ${measured}`);
  if (end.code !== 0) context.progress(end.tail);
  return { name, what, target, measured, holds: end.code === 0 && total > 0 && passed === total };
}

function countTests(report: string): { readonly passed: number; readonly total: number } {
  if (!existsSync(report)) return { passed: 0, total: 0 };
  const found = JSON.parse(readFileSync(report, 'utf8'));
  return { passed: Number(found.numPassedTests), total: Number(found.numTotalTests) };
}
