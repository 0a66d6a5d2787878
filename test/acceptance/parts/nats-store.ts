/** The tests of the backplane of NATS at full length: on the server that is pinned, and on one that a mesh may rely on. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { plainEnvironment, runCommand } from '../process.ts';
import { type Context, notRun, type Row } from '../row.ts';
import { measureSuite, type Suite } from './tests.ts';

const NEWER = '2.14.9';
const MODULE = 'github.com/nats-io/nats-server/v2';
const SEEDS = { NMC_SEEDS: '100' };
const KILLS = 50;

const hostile = (name: string): string => `test/mesh/hostile/${name}.test.ts`;
const STORE = ['test/mesh/nats-backplane.test.ts', ...['nats-failures', 'nats-chain', 'nats-cluster'].map(hostile)];

export async function pinnedStore(context: Context): Promise<readonly Row[]> {
  return [await measureSuite(suite('nats-store', 'the server of the tests', STORE, SEEDS), context)];
}

export async function moves(context: Context): Promise<readonly Row[]> {
  const what = `the server of the tests, ${KILLS} kills of a move`;
  return [await measureSuite(suite('nats-moves', what, [hostile('move')], { NMC_TEST_KILLS: `${KILLS}` }), context)];
}

export async function newerStore(context: Context): Promise<readonly Row[]> {
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
    if (built.code !== 0) return [notRun(name, where, 'every test passes', `Go did not build it: ${built.tail}`)];
  }
  const environment = { ...SEEDS, NMC_NATS_SERVER: binary };
  return [await measureSuite(suite(name, where, [...STORE, hostile('move')], environment), context)];
}

function suite(name: string, where: string, files: readonly string[], environment: Suite['environment']): Suite {
  return {
    name,
    what: `the store of several synchronizers on ${where}`,
    takes: 'minutes',
    files: () => files,
    ...(environment ? { environment } : {}),
  };
}
