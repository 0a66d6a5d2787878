/** Seconds from the command to the end of the first batch. */
import { join } from 'node:path';
import { packageRoot } from '../../../runtime/cli/shell/package-root.ts';
import { atMost, type Figure } from '../figure.ts';
import { nmc, runProcess, untilLine } from '../processes.ts';
import { median } from '../statistics.ts';
import { writeDigits } from './digits-on-disk.ts';

const ROUNDS = 7;
const MAX_SECONDS = 1;
/** Line that `NMC_DEBUG=1` writes to standard error then. */
const MARK = 'first batch';

/** The ceiling is a Node that starts and ends. */
export async function firstBatchFigures(folder: string): Promise<readonly Figure[]> {
  writeDigits(folder);
  const seconds = async (model: string, round: number): Promise<number> => {
    const out = join(folder, `${model}-${round}`);
    const file = join(packageRoot(), 'dsl-examples', `${model}.pcn`);
    const args = [nmc, 'train', file, '--data', folder, '--out', out, '--json'];
    return (await untilLine(process.execPath, args, MARK, { NMC_DEBUG: '1' })) / 1000;
  };
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++)
    rounds.push({
      node: (await runProcess(process.execPath, ['--eval', '0'])).milliseconds / 1000,
      digits: await seconds('digits', round),
      mnist: await seconds('mnist', round),
    });
  const node = median(rounds.map((r) => r.node));
  const name = (model: string, samples: string): string =>
    `from nmc train ${model}.pcn (${samples}) to its first batch`;
  return [
    atMost(name('digits', '10,000 samples'), median(rounds.map((r) => r.digits)), 's', MAX_SECONDS, node),
    atMost(name('mnist', '60,000 samples'), median(rounds.map((r) => r.mnist)), 's', MAX_SECONDS, node),
  ];
}
