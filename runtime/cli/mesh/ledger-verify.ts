/**
 * `nmc ledger verify`: whether a ledger holds, with nothing but its records; whether several copies are of one ledger; and
 * whether the proof of a balance holds.
 */
import { readFileSync, statSync } from 'node:fs';
import { type Copy, forksBetween } from '../../ledger/forks.ts';
import { type BalanceProof, PROOF, PROOF_FORMAT, proofProblem } from '../../ledger/tree.ts';
import { LedgerReader } from '../../ledger/verify.ts';
import { emit } from '../../support/emit.ts';
import { parsedJson } from '../../support/parsed-json.ts';
import { printableLines, printed } from '../../support/printable.ts';
import { follows } from '../../support/shape.ts';
import { EXIT } from '../shell/command.ts';
import { noLedger, recordsOf, recordsOfFile } from './ledger-source.ts';
import type { LedgerArguments } from './options.ts';

/** Characters of the file of a proof, at most. */
const MAX_PROOF = 100_000;
/** Problems of one copy that are printed; all of them are counted. */
const MAX_TOLD = 20;

export async function verifyLedger(args: LedgerArguments): Promise<number> {
  const [first] = args.words;
  const proof = args.words.length === 1 && first !== undefined ? proofIn(first) : undefined;
  if (proof) return verifyProof(args, proof);
  const copies: Copy[] = [];
  if (args.words.length === 0) copies.push(await copyOf('the mesh', recordsOf(args)));
  for (const file of args.words) copies.push(await copyOf(file, recordsOfFile(file)));
  for (const { reader } of copies) if (reader.state.sequence === 0 && reader.problems.length === 0) throw noLedger();
  const forks = forksBetween(copies);
  const strangers = copies.filter(({ reader }) => isStranger(args, reader.state.opened?.mesh));
  if (args.json) emit({ event: 'verified', copies: copies.map(toldCopy), forks });
  else process.stdout.write(printableLines(copies.map(textOf).join('') + forks.map(forkText).join('')));
  if (!args.json)
    for (const { name } of strangers) process.stdout.write(printed`not of ${args.fingerprint ?? ''}: ${name}\n`);
  const sound = copies.every(({ reader }) => reader.problems.length === 0 && !reader.state.fork);
  return sound && forks.length === 0 && strangers.length === 0 ? EXIT.done : EXIT.checkFailed;
}

/** All of it, gone through. */
export async function copyOf(name: string, records: AsyncIterable<Parameters<LedgerReader['add']>[0]>): Promise<Copy> {
  const reader = new LedgerReader();
  const [hashes, seals]: [string[], Copy['seals'][number][]] = [[], []];
  for await (const record of records) {
    reader.add(record);
    const { seal } = reader.state;
    if (seal && seal !== seals.at(-1)) seals.push(seal);
    hashes.push(record.hash);
  }
  return { name, reader, hashes, seals };
}

function isStranger({ fingerprint }: LedgerArguments, mesh: string | undefined): boolean {
  return fingerprint !== undefined && mesh !== fingerprint;
}

function toldCopy({ name, reader: { state, problems, head } }: Copy): object {
  const { seal, unsealed, opened, fork = null } = state;
  return {
    ...{ copy: name, records: state.sequence, head: head.hash, mesh: opened?.mesh ?? null, unsealed },
    ...{ sealed: seal?.sequence ?? 0, problems, fork },
  };
}

function textOf({ name, reader }: Copy): string {
  const { state, problems, head } = reader;
  const lines = problems.slice(0, MAX_TOLD).map(({ sequence, told }) => `wrong     record ${sequence}: ${told}`);
  if (problems.length > MAX_TOLD) lines.push(`wrong     ${problems.length - MAX_TOLD} more`);
  for (const {
    seal: { by },
    sequence,
    hash,
  } of state.fork ?? [])
    lines.push(`forked    ${by} has signed ${hash} as record ${sequence}: nothing is paid any more`);
  const word = lines.length === 0 ? 'holds' : 'looked at';
  lines.push(`${word.padEnd(9)} ${name}: ${state.sequence} records, head ${head.hash}`);
  const { seal, unsealed } = state;
  if (seal) lines.push(`signed    records 1 to ${seal.sequence}, by ${seal.by}`);
  if (unsealed > 0 && state.sequence > (seal?.sequence ?? 0))
    lines.push(`unsigned  the last ${unsealed}: who has no seal over them takes them on trust`);
  return lines.map((line) => `${line}\n`).join('');
}

function forkText({ sequence, heads }: ReturnType<typeof forksBetween>[number]): string {
  return [
    `differ    record ${sequence} is not the same in all copies`,
    ...heads.map(
      ({ copy, hash, by }) => `          ${copy}: ${hash}, ${by === undefined ? 'unsigned' : `signed by ${by}`}`,
    ),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

/** @returns nothing where the file is a copy, or nothing at all */
function proofIn(path: string): BalanceProof | undefined {
  try {
    if (statSync(path).size > MAX_PROOF) return undefined;
    const value = parsedJson(readFileSync(path, 'utf8'));
    return follows(PROOF, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function verifyProof(args: LedgerArguments, proof: BalanceProof): number {
  const stranger = isStranger(args, proof.seal.by) ? `it is signed by ${proof.seal.by}` : undefined;
  const problem = proofProblem(proof) ?? stranger;
  const { key, earned, balance, seal } = proof;
  if (args.json)
    emit({ event: 'proof', format: PROOF_FORMAT, key, earned, balance, by: seal.by, problem: problem ?? null });
  else if (problem !== undefined) process.stdout.write(printed`wrong     ${problem}\n`);
  else {
    process.stdout.write(printed`holds     ${key} was granted ${earned} tokens and has ${balance}\n`);
    process.stdout.write(printed`signed    behind record ${seal.sequence}, by ${seal.by}\n`);
  }
  return problem === undefined ? EXIT.done : EXIT.checkFailed;
}
