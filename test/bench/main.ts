/**
 * `npm run bench`: how fast this machine is with `nmc`, beside what the machine could do.
 *
 *   npm run bench                                  the project's own figures against their targets; under ten minutes
 *   npm run bench -- --only il                     of these only the measurements whose key contains `il`
 *   npm run bench -- --reference                   a line per learning rule and reference network, as `peers` print theirs
 *   npm run bench -- --reference --rule il --network small        one of these lines, measured in this very process
 *   npm run bench -- --peers FOLDER [--environments FOLDER]       other people's libraries against `nmc`, interleaved
 *                    [--rounds 5] [--rule il] [--network large]
 *
 * Standard output holds JSON lines `{"name","value","unit","ceiling","target","holds"}` and ends with a line that sums
 * them up; the exit code is 1 when a target is missed. `ceiling` is in the unit of `value`: what the machine would reach
 * if nothing but the useful work were done, as fast as it was seen to do it in the same minute (null where there is no
 * such measure). Without a target `target` is null and `holds` is true. Progress goes to standard error.
 *
 * Machines are shared and their clocks move. So everything is a median over rounds; what is compared is measured in
 * turns and compared within each round; and around each round the machine's own ceiling is timed (`ceiling.ts`): rounds
 * in which it moved by more than a tenth are measured again. On a machine that is never calm the least disturbed rounds
 * are taken, and the last line says how many figures are therefore to be doubted.
 */
import { parseArgs } from 'node:util';
import { isNetworkName, isRule, NETWORK_NAMES, RULES } from '../../runtime/cli/measuring/reference-networks.ts';
import { UsageError } from './usage-error.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    reference: { type: 'boolean' },
    rule: { type: 'string' },
    network: { type: 'string' },
    peers: { type: 'string' },
    environments: { type: 'string' },
    rounds: { type: 'string' },
  },
});

async function main(): Promise<number> {
  const { rule, network } = values;
  if (rule !== undefined && !isRule(rule)) throw new UsageError(`--rule is one of ${RULES.join(', ')}`);
  if (network !== undefined && !isNetworkName(network))
    throw new UsageError(`--network is one of ${NETWORK_NAMES.join(', ')}`);
  if (values.reference) return (await import('./reference.ts')).reference(rule, network);
  if (values.peers !== undefined) {
    const { comparePeers } = await import('./compare-peers.ts');
    const rounds = Number(values.rounds ?? 5);
    if (!(Number.isInteger(rounds) && rounds > 0)) throw new UsageError('--rounds is a whole number above 0');
    return comparePeers({ scripts: values.peers, environments: values.environments, rounds, rule, network });
  }
  return (await import('./own-figures.ts')).ownFigures(values.only ?? '');
}

/** Whoever calls it wrongly gets the sentence alone; a measurement that breaks down keeps its stack. */
async function exitCode(): Promise<number> {
  try {
    return await main();
  } catch (error) {
    const message = error instanceof UsageError ? error.message : error;
    console.error(message);
    return 2;
  }
}

// Worker threads of a measurement that has ended keep nothing alive.
process.exit(await exitCode());
