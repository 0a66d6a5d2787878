/** `nmc ledger`: what was earned in a mesh, by whom and for what; and whether that holds. */
import { randomBytes } from 'node:crypto';
import type { ChainedRecord } from '../../backplane/backplane.ts';
import { ensureKey, userKeyPath } from '../../identity/key-file.ts';
import { keyText } from '../../identity/key-text.ts';
import { type LedgerEntry, readEntry } from '../../ledger/entry.ts';
import { forksBetween } from '../../ledger/forks.ts';
import { signFunds } from '../../ledger/signed.ts';
import { type Account, spendable } from '../../ledger/state.ts';
import { proofOf } from '../../ledger/tree.ts';
import { LedgerReader } from '../../ledger/verify.ts';
import { ask } from '../../net/ask.ts';
import { nmc } from '../../support/command-text.ts';
import { emit, jsonLine } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { printed } from '../../support/printable.ts';
import { writeStream } from '../../support/safe-files.ts';
import { ownPath } from '../../support/safe-path.ts';
import { EXIT } from '../shell/command.ts';
import { channels, close, open, pay, redeem } from './ledger-payments.ts';
import { bind, settlementText, settler, warnNotAudited, withdraw } from './ledger-settlement.ts';
import { lineOf, noLedger, recordsOf, recordsOfFile, soundLedger } from './ledger-source.ts';
import { copyOf, verifyLedger } from './ledger-verify.ts';
import { openMeshToLook } from './look-link.ts';
import { openMesh } from './mesh-link.ts';
import type { LedgerArguments } from './options.ts';

const ACTIONS: Readonly<Record<LedgerArguments['action'], (args: LedgerArguments) => Promise<number>>> = {
  show,
  verify: verifyLedger,
  balance,
  receipts,
  proof,
  export: exportLedger,
  fund,
  report,
  ...{ pay, open, close, redeem, channels },
  ...{ settler, bind, withdraw },
};

export default async function (args: LedgerArguments): Promise<number> {
  return ACTIONS[args.action](args);
}

/** Every entry, in order. */
async function show(args: LedgerArguments): Promise<number> {
  let shown = 0;
  for await (const { sequence, value } of recordsOf(args)) {
    shown++;
    const read = readEntry(value);
    if ('problem' in read) write(args, sequence, { type: 'unknown', ...read });
    else write(args, sequence, read.entry);
  }
  if (shown === 0) throw noLedger();
  return EXIT.done;
}

/** Entries in which a key has a part: what it has committed, and what became of it. */
async function receipts(args: LedgerArguments): Promise<number> {
  const key = keyAsked(args);
  const reader = new LedgerReader();
  const payers = new Map<string, string>();
  for await (const record of recordsOf(args)) {
    reader.add(record);
    const read = readEntry(record.value);
    if (!('entry' in read)) continue;
    const { entry } = read;
    if (isPartOf(entry, key, payers)) write(args, record.sequence, entry);
  }
  if (reader.state.sequence === 0) throw noLedger();
  const [first] = reader.problems;
  if (first) process.stderr.write(printed`record ${first.sequence} does not hold: ${first.told}\n`);
  return first ? EXIT.checkFailed : EXIT.done;
}

/** @param payers of channels, by name, as far as the ledger was read */
function isPartOf(entry: LedgerEntry, key: string, payers: Map<string, string>): boolean {
  if (entry.type === 'sealed') return false;
  if (entry.type === 'channel') payers.set(entry.channel, entry.by);
  const payer = 'channel' in entry ? payers.get(entry.channel) : undefined;
  const keys = [payer, ...(['trainer', 'by', 'to', 'server'] as const).map((name) => (entry as Parties)[name])];
  return keys.includes(key);
}

/** Fields of entries that may hold a key. */
type Parties = { readonly [Name in 'trainer' | 'by' | 'to' | 'server']?: unknown };

function write(args: LedgerArguments, sequence: number, entry: { readonly type: string; readonly at?: number }): void {
  if (args.json) {
    emit({ sequence, ...entry });
    return;
  }
  const { type, at, ...rest } = entry;
  const time = at === undefined ? '' : new Date(at).toISOString();
  process.stdout.write(printed`${String(sequence).padStart(7)}  ${time}  ${type.padEnd(9)} `);
  process.stdout.write(`${jsonLine(rest)}\n`);
}

/** Of one key, or of all. */
async function balance(args: LedgerArguments): Promise<number> {
  const { state } = await soundLedger(args);
  const [asked] = args.words;
  const lines = [...state.accounts].filter(([key]) => asked === undefined || key === asked);
  if (asked !== undefined && lines.length === 0) throw unknownKey(asked);
  for (const [key, account] of lines.sort(([a], [b]) => (a < b ? -1 : 1))) writeBalance(args, key, account);
  if (!args.json && lines.length === 0) process.stdout.write('no key has an account yet\n');
  return EXIT.done;
}

function writeBalance(args: LedgerArguments, key: string, account: Account): void {
  const { earned, excluded, pending } = account;
  const has = spendable(account);
  const waiting = [...pending.values()].filter(({ doom }) => doom === undefined).length;
  if (args.json) emit({ key, earned: String(earned), balance: String(has), pending: waiting, excluded });
  else {
    const stretches = `${waiting} stretch${waiting === 1 ? '' : 'es'} pending`;
    const why = excluded ? ', excluded' : '';
    process.stdout.write(printed`${key}  ${String(has)} tokens  (granted ${String(earned)}, ${stretches}${why})\n`);
  }
}

/** What shows a balance to somebody who has only the mesh's key. */
async function proof(args: LedgerArguments): Promise<number> {
  const key = keyAsked(args);
  const reader = new LedgerReader();
  let found: ReturnType<typeof proofOf>;
  // As of the last seal: what follows is not signed yet.
  for await (const record of recordsOf(args))
    if (reader.add(record) === 'sealed' && reader.state.seal)
      found = proofOf(reader.state.accounts, reader.state.seal, key);
  const [first] = reader.problems;
  if (first) throw new UserError('ledger/damaged', `the ledger does not hold: record ${first.sequence}: ${first.told}`);
  if (!found) throw unknownKey(key);
  if (args.out === undefined) emit({ ...found });
  else {
    await writeLines(args.out, [`${jsonLine({ ...found })}\n`]);
    if (args.json) emit({ event: 'proof', out: args.out, key, earned: found.earned, balance: found.balance });
    else process.stdout.write(printed`${args.out}    next: ${nmc`ledger verify ${args.out}`}\n`);
  }
  return EXIT.done;
}

/** A copy that everybody can verify alone. */
async function exportLedger(args: LedgerArguments): Promise<number> {
  const [out] = args.words;
  if (out === undefined)
    throw new UserError('usage', 'name the file to write', `for example ${nmc`ledger export ledger.jsonl`}`);
  const records: ChainedRecord[] = [];
  for await (const record of recordsOf(args)) records.push(record);
  if (records.length === 0) throw noLedger();
  if (args.evm) {
    await writeLines(out, [await settlementText(args, records)]);
    warnNotAudited();
    if (args.json) emit({ event: 'exported', out, evm: true });
    else process.stdout.write(printed`${out}  root, claims and their proofs\n`);
    return EXIT.done;
  }
  const lines = records.map(lineOf);
  await writeLines(out, lines);
  if (args.json) emit({ event: 'exported', out, records: lines.length });
  else process.stdout.write(printed`${out}  ${lines.length} records    next: ${nmc`ledger verify ${out}`}\n`);
  return EXIT.done;
}

async function writeLines(path: string, lines: readonly string[]): Promise<void> {
  const stream = writeStream(ownPath(path));
  const failed = new Promise<never>((_, reject) => stream.once('error', reject));
  const work = async (): Promise<void> => {
    for (const line of lines)
      if (!stream.write(line)) await new Promise<void>((resolve) => stream.once('drain', () => resolve()));
    await new Promise<void>((resolve) => stream.end(() => resolve()));
  };
  await Promise.race([work(), failed]);
}

/** Tokens for what trainers of a run do: of this user, or issued for it. */
async function fund(args: LedgerArguments): Promise<number> {
  const [run] = args.words;
  const { tokens, emission } = args;
  if (run === undefined || tokens === undefined)
    throw new UserError(
      'usage',
      'a run and its tokens are to be named',
      `for example ${nmc`ledger fund RUN --tokens 1000`}`,
    );
  const type = emission ? 'emission' : 'escrow';
  const keys = ensureKey(userKeyPath());
  const link = await openMesh(args);
  try {
    const id = randomBytes(16).toString('hex');
    await ask(link, { what: 'fund', funds: signFunds({ type, run, tokens, id }, link.peer, keys) });
  } finally {
    link.close();
  }
  if (args.json) emit({ event: 'funded', run, type, tokens });
  else process.stdout.write(printed`${run} pays up to ${tokens} tokens    next: ${nmc`ledger balance`}\n`);
  return EXIT.done;
}

/** Two copies that the mesh has signed both: it keeps that as evidence, and pays nothing any more. */
async function report(args: LedgerArguments): Promise<number> {
  const [file, other] = args.words;
  if (file === undefined || other === undefined)
    throw new UserError('usage', 'two copies are to be named', `for example ${nmc`ledger report FILE OTHER`}`);
  const copies = [await copyOf(file, recordsOfFile(file)), await copyOf(other, recordsOfFile(other))];
  const heads = forksBetween(copies)[0]?.heads.flatMap(({ evidence }) => evidence ?? []) ?? [];
  const [first] = heads;
  if (!first || heads.length < 2)
    throw new UserError(
      'ledger/refused',
      'the copies do not have two signed records of one number',
      `to see where they part: ${nmc`ledger verify ${file} ${other}`}`,
    );
  const { link } = await openMeshToLook(args);
  try {
    await ask(link, { what: 'fork', heads });
  } finally {
    link.close();
  }
  if (args.json) emit({ event: 'reported', sequence: first.sequence, by: first.seal.by });
  else
    process.stdout.write(
      printed`the mesh pays nothing any more: ${first.seal.by} has signed two records ${first.sequence}\n`,
    );
  return EXIT.done;
}

/** The one that was named, or this user's own. */
function keyAsked(args: LedgerArguments): string {
  return args.words[0] ?? keyText(ensureKey(userKeyPath()).publicKey);
}

function unknownKey(key: string): UserError {
  return new UserError(
    'ledger/key',
    `the ledger has nothing of the key ${key}`,
    `to see all of them: ${nmc`ledger balance`}`,
  );
}
