/** The tests of the backplane of NATS at full length: on the server that is pinned, and on one that a mesh may rely on. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { plainEnvironment, runCommand } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';
import { measureSuite, type Suite } from './tests.ts';

const NEWER = '2.14.9';
const MODULE = 'github.com/nats-io/nats-server/v2';
const FILES = ['test/mesh/nats-backplane.test.ts', 'test/mesh/hostile/nats-failures.test.ts', 'test/mesh/hostile/nats-chain.test.ts', 'test/mesh/hostile/move.test.ts', 'test/mesh/hostile/nats-cluster.test.ts']; // biome-ignore format: one line

export const natsPart: Part = {
  name: 'nats',
  what: `the store of several synchronizers on nats-server 2.14.0 and ${NEWER} (built by Go): stalls, kills, power cuts, wrong answers from 100 seeds, 50 kills of a move`,
  takes: '5 minutes, and 10 to build',
  run: async (context) => [
    await measureSuite(suite('nats-pinned', 'the server of the tests', {}), context),
    await onNewer(context),
  ],
};

function suite(name: string, where: string, environment: Readonly<Record<string, string>>): Suite {
  return {
    name,
    what: `the backplane of NATS on ${where}: stalls, kills, power cuts, wrong answers from 100 seeds, 50 kills of a move`,
    takes: 'minutes',
    files: () => FILES,
    environment: { NMC_SEEDS: '100', NMC_TEST_KILLS: '50', ...environment },
  };
}

async function onNewer(context: Context): Promise<Row> {
  const name = 'nats-newer';
  const where = `nats-server ${NEWER}`;
  const folder = join(context.root, '.cache/nats', NEWER);
  const binary = join(folder, 'nats-server');
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    const env = { ...plainEnvironment(), GOBIN: folder, CGO_ENABLED: '0', GOTOOLCHAIN: 'local' };
    const built = await runCommand('go', ['install', `${MODULE}@v${NEWER}`], { env, onLine: context.progress }).catch(
      (error: unknown) => ({ code: -1, tail: String(error) }),
    );
    if (built.code !== 0) return notRun(name, where, 'every test passes', `Go did not build it: ${built.tail}`);
  }
  return measureSuite(suite(name, where, { NMC_NATS_SERVER: binary }), context);
}
