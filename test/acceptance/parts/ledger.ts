/** The ledger: how fast a copy is verified, on one core; and kill -9 while it is written. */
import { LedgerReader } from '../../../runtime/ledger/verify.ts';
import {
  isBounded,
  PAYMENT_HEAD,
  paymentAttacks,
  paymentCells,
  paymentRow,
  paymentTrials,
} from '../../attacks/payments.ts';
import { longLedger } from '../../support/long-ledger.ts';
import type { Context, Part, Row } from '../row.ts';
import { measureSuite } from './tests.ts';

const ENTRIES = 1_000_000;
const TRIAL_ENTRIES = 5000;
const MAX_SECONDS = 60;

export const ledgerParts: readonly Part[] = [
  { name: 'ledger-verify', what: 'a ledger of 1,000,000 entries is verified', takes: '4 minutes', run: verified },
  { name: 'ledger-kills', what: '1,000 kills while a ledger is written', takes: '6 minutes', run: killed },
  {
    name: 'ledger-kills-nats',
    what: '100 kills while a ledger is written in NATS',
    takes: '2 minutes',
    run: killedOnNats,
  },
  {
    name: 'ledger-payments',
    what: 'a client pays for predictions, runs out and is refused; no payments make or lose a token',
    takes: '1 minute',
    run: paid,
  },
  { name: 'payment-attacks', what: 'clients and servers that cheat each other', takes: '2 minutes', run: cheated },
  { name: 'ledger-votes', what: 'a vote changes the audit rate at one record', takes: 'half a minute', run: voted },
  { name: 'ledger-settlement', what: 'the contract pays what was withdrawn', takes: 'half a minute', run: settled },
];

async function verified(context: Context): Promise<readonly Row[]> {
  const entries = context.trial ? TRIAL_ENTRIES : ENTRIES;
  const reader = new LedgerReader();
  let seconds = 0;
  let page: Parameters<LedgerReader['add']>[0][] = [];
  const read = (): void => {
    // Time of the processor, all threads of this process together: others may use the machine, too.
    const before = process.cpuUsage();
    for (const record of page) reader.add(record);
    const { user, system } = process.cpuUsage(before);
    seconds += (user + system) / 1e6;
    page = [];
    context.progress(`${reader.state.sequence} entries, ${seconds.toFixed(1)} s`);
  };
  for (const record of longLedger(entries)) if (page.push(record) === 10_000) read();
  read();
  const { problems, state } = reader;
  const what = `verify a copy of ${state.sequence} entries: chain, seals, signatures of trainers, every rule`;
  return [
    {
      name: 'ledger-verify',
      what,
      target: `< ${MAX_SECONDS} s of one core`,
      measured: `${seconds.toFixed(1)} s, ${problems.length} problems`,
      ...(context.trial ? {} : { holds: seconds < MAX_SECONDS && problems.length === 0 && state.sequence >= ENTRIES }),
    },
  ];
}

function killed(context: Context): Promise<readonly Row[]> {
  return kills(context, { name: 'ledger-kills', where: 'on a disk', count: 1000 });
}

function killedOnNats(context: Context): Promise<readonly Row[]> {
  return kills(context, { name: 'ledger-kills-nats', where: 'in a server of NATS', count: 100, store: 'nats' });
}

async function paid(context: Context): Promise<readonly Row[]> {
  const suite = {
    ...{ name: 'ledger-payments', takes: '1 minute' },
    what: 'a client pays for predictions by vouchers, runs out and is refused; random payments conserve every token',
    files: () => [
      ...['test/mesh/paid-predictions.test.ts', 'test/unit/ledger/payments.test.ts'],
      ...['test/unit/ledger/till.test.ts', 'test/unit/cli/answer-audit.test.ts'],
    ],
  };
  return [await measureSuite(suite, context)];
}

const SEEDS = 500;

async function cheated(context: Context): Promise<readonly Row[]> {
  const seeds = context.trial ? 5 : SEEDS;
  const rows = paymentAttacks.map((attack) => {
    context.progress(attack.name);
    return paymentRow(attack, paymentTrials(attack, seeds));
  });
  context.table({ name: 'payment-attacks', head: PAYMENT_HEAD, rows: rows.map(paymentCells) });
  const beyond = rows.filter((row) => !isBounded(row)).map(({ attack }) => attack.name);
  return [
    {
      name: 'payment-attacks',
      what: `attacks on payments for predictions that gain more than the table says, ${seeds} seeds each`,
      target: 'none',
      measured: beyond.length === 0 ? `none of ${rows.length}` : beyond.join(', '),
      ...(context.trial ? {} : { holds: beyond.length === 0 }),
    },
  ];
}

interface Kills {
  readonly name: string;
  readonly where: string;
  readonly count: number;
  readonly store?: 'nats';
}

async function kills(context: Context, { name, where, count, store }: Kills): Promise<readonly Row[]> {
  const suite = {
    ...{ name, takes: 'minutes', files: () => ['test/mesh/hostile/ledger-kills.test.ts'] },
    what: `kill -9 while a ledger is written ${where}, ${count} times: nothing is lost or doubled`,
    environment: {
      NMC_TEST_KILLS: context.trial ? '3' : String(count),
      ...(store === undefined ? {} : { NMC_TEST_STORE: store }),
    },
  };
  return [await measureSuite(suite, context)];
}

async function voted(context: Context): Promise<readonly Row[]> {
  const suite = {
    ...{ name: 'ledger-votes', takes: 'half a minute' },
    what: 'a vote changes the audit rate at one record of the ledger, for every synchronizer; captured votes are refused',
    files: () => ['test/unit/ledger/votes.test.ts', 'test/mesh/several.test.ts'],
  };
  return [await measureSuite(suite, context)];
}

async function settled(context: Context): Promise<readonly Row[]> {
  const suite = {
    ...{ name: 'ledger-settlement', takes: 'half a minute' },
    what: 'the distributor, run in this process, pays what was withdrawn; double claim, stale root, foreign proof revert',
    files: () => ['test/unit/ledger/withdrawals.test.ts', 'test/e2e/settlement.test.ts'],
  };
  return [await measureSuite(suite, context)];
}
