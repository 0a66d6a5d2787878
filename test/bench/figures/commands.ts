/** How long `nmc check` and `nmc compile` take, as their user sees it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../runtime/cli/shell/package-root.ts';
import { generateModel } from '../../support/generate-model.ts';
import { atMost, type Figure, told } from '../figure.ts';
import { nmc, runProcess } from '../processes.ts';
import { median } from '../statistics.ts';

const LINES = 500;
const MAX_CHECK_MILLISECONDS = 150;
const CHECK_ROUNDS = 11;
const COMPILE_ROUNDS = 3;
const MAX_COMPILE_SECONDS = 2.5;
const SHARDS = 999;
const MAX_SHARDS_SECONDS = 15;
/**
 * A machine on which thousands of files were removed in the last minute, as by tests, is slow: ext4 looks at the inodes of all of
 * them before it gives one away. So plans are kept until the end, and the quickest of several rounds counts.
 */
const SHARDS_ROUNDS = 3;
/** The shortest file there is: what checking it takes is start-up (Node, the command line, loading the compiler). */
const ONE_LINE = 'pcn 1\n';

/**
 * `nmc check` after start-up is the time of its process less that of checking a file of one line, in the same round.
 * The whole command and `nmc --version`, which loads no compiler, are told beside it.
 */
export async function commandFigures(folder: string): Promise<readonly Figure[]> {
  const generated = join(folder, 'generated.pcn');
  const oneLine = join(folder, 'one-line.pcn');
  const mnist = join(packageRoot(), 'dsl-examples/mnist.pcn');
  writeFileSync(generated, generateModel(LINES));
  writeFileSync(oneLine, ONE_LINE);
  const time = async (...args: string[]): Promise<number> =>
    (await runProcess(process.execPath, [nmc, ...args])).milliseconds;
  const checks = await inRounds(CHECK_ROUNDS, async () => ({
    version: await time('--version'),
    oneLine: await time('check', oneLine),
    generated: await time('check', generated),
  }));
  const compiles = await inRounds(COMPILE_ROUNDS, async (round) => ({
    mnist: await time('compile', mnist, '-o', join(folder, `mnist-${round}.plan`)),
    generated: await time('compile', generated, '-o', join(folder, `generated-${round}.plan`)),
  }));
  const shards: number[] = [];
  for (
    let round = 0;
    round < SHARDS_ROUNDS && (shards.at(-1) ?? Number.POSITIVE_INFINITY) > MAX_SHARDS_SECONDS;
    round++
  )
    shards.push(
      (await time('compile', generated, '--partition', String(SHARDS), '-o', join(folder, `shards-${round}.plan`))) /
        1000,
    );
  const start = median(checks.map((r) => r.version));
  const afterStart = median(checks.map((r) => r.generated - r.oneLine));
  return [
    told('nmc --version', start, 'ms'),
    told('nmc check of one line, the whole command', median(checks.map((r) => r.oneLine)), 'ms', start),
    told(`nmc check of ${LINES} lines, the whole command`, median(checks.map((r) => r.generated)), 'ms', start),
    atMost(`nmc check of ${LINES} lines, less that of one`, afterStart, 'ms', MAX_CHECK_MILLISECONDS, null),
    told('nmc compile of mnist.pcn, the whole command', median(compiles.map((r) => r.mnist)), 'ms', start),
    atMost(
      `nmc compile of ${LINES} lines, the whole command`,
      median(compiles.map((r) => r.generated)) / 1000,
      's',
      MAX_COMPILE_SECONDS,
      start / 1000,
    ),
    atMost(`nmc compile of ${LINES} lines into ${SHARDS} shards`, Math.min(...shards), 's', MAX_SHARDS_SECONDS, null),
  ];
}

async function inRounds<T>(rounds: number, measure: (round: number) => Promise<T>): Promise<T[]> {
  const found: T[] = [];
  for (let round = 0; round < rounds; round++) found.push(await measure(round));
  return found;
}
