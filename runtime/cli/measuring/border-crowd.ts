/**
 * Other trainers on this machine, while a border is measured: where there are more of them than cores, each frame wakes one
 * whose memory and code others have driven out of the caches, and that takes more of a processor than its work does.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, freemem } from 'node:os';
import { makeTemporaryFolder, removeAll } from '../../support/safe-files.ts';

/** Of more cores it takes too many processes to crowd them: it is not measured there. */
const MAX_CORES = 4;
/** Pairs of trainers for each core, that of the work among them: four trainers take turns on each. */
const PAIRS = 2;
/** Bytes that one of them may take: a machine that has little is not measured so. */
const CHILD_BYTES = 512e6;
/** Milliseconds until all of them go on. */
const BEGIN_MS = 20_000;

/**
 * Does some work of a pair of trainers while others go on: two pairs for each core in all.
 *
 * @returns nothing where they cannot be started, or are too many for the machine
 */
export async function inCrowd<T>(work: () => Promise<T>): Promise<T | undefined> {
  const cores = availableParallelism();
  const others = PAIRS * cores - 1;
  if (cores > MAX_CORES || freemem() < others * CHILD_BYTES) return undefined;
  const scratch = makeTemporaryFolder('nmc-crowd-');
  const children = Array.from({ length: others }, () =>
    fork(new URL('./border-crowd-child.js', import.meta.url), {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: { ...process.env, TMPDIR: scratch, TEMP: scratch, TMP: scratch },
    }),
  );
  try {
    if (!(await allGoOn(children))) return undefined;
    return await work();
  } finally {
    await Promise.all(children.map(killed));
    removeAll(scratch);
  }
}

async function allGoOn(children: readonly ChildProcess[]): Promise<boolean> {
  const given = AbortSignal.timeout(BEGIN_MS);
  const goesOn = (child: ChildProcess): Promise<boolean> =>
    Promise.race([
      once(child, 'message', { signal: given }).then(() => true),
      once(child, 'exit', { signal: given }).then(() => false),
    ]).catch(() => false);
  return (await Promise.all(children.map(goesOn))).every((going) => going);
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
