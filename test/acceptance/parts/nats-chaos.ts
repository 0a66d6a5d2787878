/** The long form of the faults of servers and synchronizers, and what it took to get over each. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Context, notRun, type Row } from '../row.ts';
import { measureSuite } from './tests.ts';

const SECONDS = 600;
const MOST_SECONDS = 10;

/** What the test writes down. */
interface Report {
  readonly chaos?: {
    readonly faults: number;
    readonly runs: number;
    readonly records: number;
    /** Seconds. */
    readonly takeOvers: readonly number[];
  };
  readonly quorum?: { readonly seconds: number; readonly calls: number; readonly doneAfter: number };
}

export async function chaos(context: Context): Promise<readonly Row[]> {
  const name = 'nats-chaos';
  const what = `${SECONDS / 60} minutes of faults under 8 trainers on mnist.pcn: bits, chains, one owner a shard`;
  if (context.data === undefined) return [notRun(name, what, 'every test passes', 'needs MNIST (--data DIR)')];
  const path = join(context.root, '.cache', 'acceptance', `${name}-report.json`);
  rmSync(path, { force: true });
  const environment = { NMC_NATS_CHAOS: String(SECONDS), NMC_DATA: context.data, NMC_NATS_REPORT: path };
  const files = (): readonly string[] => ['test/mesh/hostile/nats-chaos.test.ts'];
  const tests = await measureSuite({ name, what, takes: '14 minutes', files, environment }, context);
  const { chaos: told, quorum } = (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {}) as Report;
  const faults = told ? `, ${told.faults} faults, ${told.runs} runs, ${told.records} records` : '';
  const rows: Row[] = [{ ...tests, measured: `${tests.measured}${faults}` }];
  if (told) rows.push(takeOverRow(told.takeOvers));
  if (quorum)
    rows.push({
      ...{
        name: 'nats-quorum',
        what: `no quorum for ${quorum.seconds} s`,
        target: 'training goes on, nothing is published',
      },
      measured: `${quorum.calls} calls meanwhile, at its end ${quorum.doneAfter.toFixed(0)} s after there was one`,
      holds: tests.holds === true,
    });
  return rows;
}

function takeOverRow(seconds: readonly number[]): Row {
  const sorted = [...seconds].sort((a, b) => a - b);
  const usual = sorted[Math.ceil(0.95 * sorted.length) - 1] ?? Number.NaN;
  return {
    name: 'nats-take-over',
    what: `a run has another leader, of ${sorted.length} times`,
    target: `<= ${MOST_SECONDS} s at the 95th percentile`,
    measured: `${usual.toFixed(1)} s, ${(sorted.at(-1) ?? Number.NaN).toFixed(1)} s at most`,
    holds: usual <= MOST_SECONDS,
  };
}
