/**
 * The ledger as a reducer over its entries. Nothing but the entries counts: two that have the same records have the same
 * balances. An entry that may not stand where it stands changes nothing, and is named.
 */
import { exclude, judged, mayBeExcluded } from './audited.ts';
import { grantFor, keptBack, paid, restoredTo } from './earned.ts';
import { type EntryOf, type FundsEntry, type LedgerEntry, SEGMENT, type Seal, type SignedRecord } from './entry.ts';
import { isPayment, paymentAuthorProblem, paymentProblem, takePayment } from './payments.ts';
import { callsOf } from './run-work.ts';
import { recordIsSigned, rootOfRecords } from './segment.ts';
import { exclusionHolds, fundsHold, sealHolds, stretchHolds } from './signed.ts';
import { voteHolds } from './signed-votes.ts';
import {
  type Account,
  accountOf,
  type LedgerState,
  type PendingStretch,
  type RunLedger,
  spendable,
  stretchId,
  windowOf,
} from './state.ts';
import { rootOfAccounts } from './tree.ts';
import { beforeWeightChanges, takeVote, voteProblem } from './votes.ts';
import { isOfSettlement, settlementAuthorProblem, settlementProblem, takeSettlement } from './withdrawals.ts';

/** Tokens that may ever be issued: sums stay whole numbers that JSON has exactly. */
const MAX_TOKENS = BigInt(Number.MAX_SAFE_INTEGER);

export function emptyLedger(): LedgerState {
  return {
    ...{ sequence: 0, head: '', opened: undefined, accounts: new Map(), runs: new Map(), ids: new Set() },
    ...{ channels: new Map(), withdrawn: new Map(), settlers: new Set() },
    ...{ issued: 0n, fork: undefined, seal: undefined, segment: [], unsealed: 0 },
    ...{ seals: 0, governance: undefined, weightsAtSeal: new Map() },
  };
}

export interface Placed {
  readonly sequence: number;
  /** Of its record. */
  readonly hash: string;
}

/**
 * The next entry.
 * @param authors whether signatures of trainers and givers are checked: not of what its reader has checked and kept itself
 * @returns why it may not stand there: then it changes no account, and the ledger goes on behind it
 */
export function reduce(
  state: LedgerState,
  entry: LedgerEntry,
  { sequence, hash }: Placed,
  authors = true,
): string | undefined {
  const problem = (authors ? authorProblem(state, entry) : undefined) ?? entryProblem(state, entry);
  if (problem === undefined) take(state, entry, sequence);
  if (entry.type === 'sealed' && problem === undefined) {
    state.unsealed = 0;
    state.segment = [];
    state.seals++;
    state.weightsAtSeal.clear();
  } else state.unsealed++;
  state.segment.push(hash);
  state.sequence = sequence;
  state.head = hash;
  return problem;
}

/** A record that is not an entry: it takes its number. */
export function passOver(state: LedgerState, { sequence, hash }: Placed): void {
  state.unsealed++;
  state.segment.push(hash);
  state.sequence = sequence;
  state.head = hash;
}

/** Why its author has not said so; nothing where that holds, or where it has none beside the synchronizer. */
export function authorProblem(state: LedgerState, entry: LedgerEntry): string | undefined {
  const { opened } = state;
  if (entry.type === 'pending')
    return stretchHolds(entry) ? undefined : `${entry.trainer} has not signed the state behind it`;
  if (entry.type === 'excluded' && entry.word)
    return exclusionHolds({ key: entry.trainer, ...entry.word }, opened?.mesh ?? '')
      ? undefined
      : 'the mesh has not signed that it is excluded';
  if (isPayment(entry)) return paymentAuthorProblem(state, entry);
  if (isOfSettlement(entry)) return settlementAuthorProblem(state, entry);
  if (entry.type === 'charter' || entry.type === 'proposed' || entry.type === 'voted')
    return voteHolds(entry, opened?.mesh ?? '') ? undefined : `${entry.by} has not signed it`;
  if (entry.type !== 'emission' && entry.type !== 'escrow') return undefined;
  return fundsHold(entry, opened?.mesh ?? '') ? undefined : `${entry.by} has not signed it`;
}

/** Why an entry may not follow; nothing where it may. Changes nothing. */
export function entryProblem(state: LedgerState, entry: LedgerEntry): string | undefined {
  if ((state.opened === undefined) !== (entry.type === 'opened'))
    return state.opened ? 'the ledger was opened before' : 'the ledger was not opened before';
  if (state.unsealed >= SEGMENT - 1 && entry.type !== 'sealed') return `a segment has more than ${SEGMENT} entries`;
  if (isPayment(entry)) return paymentProblem(state, entry);
  if (isOfSettlement(entry)) return settlementProblem(state, entry);
  switch (entry.type) {
    case 'opened':
      return undefined;
    case 'run':
      return runProblem(state, entry);
    case 'emission':
    case 'escrow':
      return fundsProblem(state, entry);
    case 'pending':
      return pendingProblem(state, entry);
    case 'audited': {
      const pending = stretchOf(state, entry);
      if (!pending) return lateProblem(state, entry);
      return pending.verdicts.has(entry.verdict) ? 'the same verdict was entered before' : undefined;
    }
    case 'granted':
      return grantedProblem(state, entry);
    case 'withheld': {
      const pending = stretchOf(state, entry);
      if (!pending) return 'no such stretch is pending';
      return pending.doom === entry.reason ? undefined : `nothing says that it is withheld for ${entry.reason}`;
    }
    case 'excluded':
      return excludedProblem(state, entry);
    case 'ended':
      return runOf(state, entry.run, ({ ended }) => (ended ? 'it has ended before' : undefined));
    case 'restored':
      return runOf(state, entry.run, (run) => restoredProblem(state, run, entry));
    case 'closed':
      return runOf(state, entry.run, (run) => closedProblem(state, run, entry));
    case 'forked':
      return forkProblem(state, entry.heads);
    case 'charter':
    case 'proposed':
    case 'voted':
    case 'decided':
    case 'applied':
      return voteProblem(state, entry);
    case 'sealed':
      return sealProblem(state, entry);
  }
}

function take(state: LedgerState, entry: LedgerEntry, sequence: number): void {
  if (isOfSettlement(entry)) {
    takeSettlement(state, entry);
    return;
  }
  if (isPayment(entry)) {
    takePayment(state, entry);
    return;
  }
  switch (entry.type) {
    case 'opened':
      state.opened = entry;
      return;
    case 'run':
      state.runs.set(entry.run, newRun(entry));
      return;
    case 'emission':
    case 'escrow':
      funded(state, entry);
      return;
    case 'pending':
      committed(state, entry, sequence);
      return;
    case 'audited':
      judged(state, entry);
      return;
    case 'granted':
      granted(state, entry);
      return;
    case 'withheld': {
      const [pending, run] = [stretchOf(state, entry), state.runs.get(entry.run)];
      if (pending && run) keptBack(run, pending);
      settled(state, entry);
      return;
    }
    case 'restored':
      restored(state, entry);
      return;
    case 'excluded':
      exclude(accountOf(state, entry.trainer));
      return;
    case 'ended':
    case 'closed':
      over(state, entry);
      return;
    case 'forked':
      state.fork = entry.heads;
      return;
    case 'charter':
    case 'proposed':
    case 'voted':
    case 'decided':
    case 'applied':
      takeVote(state, entry, sequence);
      return;
    case 'sealed': {
      const { at: _at, type: _type, ...seal } = entry;
      state.seal = seal;
    }
  }
}

function runOf(
  { runs }: LedgerState,
  id: string,
  problem: (run: RunLedger) => string | undefined = () => undefined,
): string | undefined {
  const run = runs.get(id);
  if (!run) return `no run ${id} was entered before`;
  return run.closed ? `the run ${id} was closed before` : problem(run);
}

function runProblem({ runs }: LedgerState, { run, work, epochs, train, others }: EntryOf<'run'>): string | undefined {
  if (runs.has(run)) return `the run ${run} was entered before`;
  return Number.isSafeInteger(epochs * (train + others)) && work.length > 0 ? undefined : 'it has no countable work';
}

function newRun(entry: EntryOf<'run'>): RunLedger {
  const work = entry.work.map(BigInt);
  const calls = BigInt(entry.epochs * entry.train);
  return {
    ...{ entry, funds: [], pot: 0n, paid: 0n, cleared: new Map(), again: new Map(), restored: new Set() },
    ...{ ended: false, closed: false },
    total: work.reduce((sum, w) => sum + w * calls, 0n),
    shards: work.map((w) => ({ work: w, paid: [], withheld: [], stretches: 0, term: 0, to: 0, pending: new Map() })),
  };
}

function fundsProblem(state: LedgerState, entry: FundsEntry): string | undefined {
  if (state.fork) return 'payments have stopped: the ledger has two heads';
  if (state.ids.has(entry.id)) return 'the same order was taken before';
  const run = runOf(state, entry.run, ({ paid: spent, ended }) =>
    ended || spent > 0n ? 'it pays already: shares of its tokens are counted by now' : undefined,
  );
  if (run !== undefined) return run;
  const tokens = BigInt(entry.tokens);
  if (entry.type === 'emission')
    return state.issued + tokens > MAX_TOKENS ? 'no more tokens can be counted' : undefined;
  const has = spendable(state.accounts.get(entry.by));
  return has < tokens ? `${entry.by} has ${has} tokens` : undefined;
}

function funded(state: LedgerState, entry: FundsEntry): void {
  const tokens = BigInt(entry.tokens);
  state.ids.add(entry.id);
  if (entry.type === 'emission') state.issued += tokens;
  else accountOf(state, entry.by).balance -= tokens;
  const run = state.runs.get(entry.run);
  if (!run) return;
  run.funds.push(entry);
  run.pot += tokens;
}

function pendingProblem(state: LedgerState, entry: EntryOf<'pending'>): string | undefined {
  if (state.accounts.get(entry.trainer)?.excluded) return `${entry.trainer} is excluded`;
  return runOf(state, entry.run, (run) => {
    const shard = run.shards[entry.shard];
    if (!shard) return `the run has no shard ${entry.shard}`;
    if (run.ended) return 'its run has ended before';
    if (entry.from >= entry.to || entry.to > callsOf(run.entry)) return 'its run has no such calls';
    if (entry.term < shard.term) return `the shard was in term ${shard.term} before`;
    if (entry.term === shard.term && entry.from < shard.to) return `calls before ${shard.to} were committed before`;
    return undefined;
  });
}

function committed(state: LedgerState, entry: EntryOf<'pending'>, sequence: number): void {
  const shard = state.runs.get(entry.run)?.shards[entry.shard];
  if (!shard) return;
  const account = accountOf(state, entry.trainer);
  const pending: PendingStretch = {
    ...{ entry, sequence, index: shard.stretches, window: windowOf(state) },
    ...{ matched: false, verdicts: new Set() },
  };
  const id = stretchId(entry);
  shard.pending.set(id, pending);
  account.pending.set(id, pending);
  shard.stretches++;
  account.stretches++;
  shard.term = entry.term;
  shard.to = entry.to;
}

/** Of a stretch that is not pending any more a mismatch counts, once. */
function lateProblem({ accounts, runs }: LedgerState, entry: EntryOf<'audited'>): string | undefined {
  const [account, shard] = [accounts.get(entry.trainer), runs.get(entry.run)?.shards[entry.shard]];
  const isKnown = shard && (entry.term < shard.term || (entry.term === shard.term && entry.to <= shard.to));
  if (entry.verdict !== 'mismatch' || !account || !isKnown) return 'no such stretch is pending';
  return account.refuted.has(stretchId(entry)) ? 'the same verdict was entered before' : undefined;
}

type OfStretch = EntryOf<'audited' | 'granted' | 'withheld'>;

function stretchOf(state: LedgerState, entry: OfStretch): PendingStretch | undefined {
  const found = state.accounts.get(entry.trainer)?.pending.get(stretchId(entry));
  return found && (entry.type !== 'audited' || found.entry.from === entry.from) ? found : undefined;
}

/** As many stretches of its shard were committed behind it as the window has, or none will be. */
export function windowHasPassed(state: LedgerState, { entry, index, window }: PendingStretch): boolean {
  const run = state.runs.get(entry.run);
  const behind = (run?.shards[entry.shard]?.stretches ?? 0) - index - 1;
  return run?.ended === true || behind >= Math.max(window, windowOf(state));
}

function grantedProblem(state: LedgerState, entry: EntryOf<'granted'>): string | undefined {
  if (state.fork) return 'payments have stopped: the ledger has two heads';
  const [pending, run] = [stretchOf(state, entry), state.runs.get(entry.run)];
  if (!pending || !run) return 'no such stretch is pending';
  if (pending.doom !== undefined) return `it is withheld: ${pending.doom}`;
  if (!windowHasPassed(state, pending)) return 'its window has not passed';
  const { tokens } = grantFor(run, pending);
  return tokens === BigInt(entry.tokens) ? undefined : `${tokens} tokens are due for it, not ${entry.tokens}`;
}

function granted(state: LedgerState, entry: EntryOf<'granted'>): void {
  const [pending, run] = [stretchOf(state, entry), state.runs.get(entry.run)];
  if (!pending || !run) return;
  const grant = grantFor(run, pending);
  paid(run, pending, grant);
  beforeWeightChanges(state, entry.trainer);
  const account = accountOf(state, entry.trainer);
  account.earned += grant.tokens;
  account.balance += grant.tokens;
  settled(state, entry);
}

function settled(state: LedgerState, entry: OfStretch): void {
  const id = stretchId(entry);
  state.accounts.get(entry.trainer)?.pending.delete(id);
  state.runs.get(entry.run)?.shards[entry.shard]?.pending.delete(id);
}

function excludedProblem(state: LedgerState, { trainer, reason, word }: EntryOf<'excluded'>): string | undefined {
  const account: Account | undefined = state.accounts.get(trainer);
  if (account?.excluded) return 'it is excluded already';
  if (reason === 'word') return word ? undefined : 'the mesh has not signed that it is excluded';
  return account && mayBeExcluded(account, windowOf(state)) ? undefined : 'no audits say so';
}

function restoredProblem(state: LedgerState, run: RunLedger, entry: EntryOf<'restored'>): string | undefined {
  const open = payingProblem(state, run);
  if (open !== undefined) return open;
  if (state.accounts.get(entry.trainer)?.excluded) return `${entry.trainer} is excluded`;
  const tokens = restoredTo(run, entry.trainer);
  return tokens === BigInt(entry.tokens) ? undefined : `${tokens} tokens are due to it, not ${entry.tokens}`;
}

function restored(state: LedgerState, { run: id, trainer, tokens }: EntryOf<'restored'>): void {
  const run = state.runs.get(id);
  if (!run) return;
  run.restored.add(trainer);
  run.paid += BigInt(tokens);
  beforeWeightChanges(state, trainer);
  const account = accountOf(state, trainer);
  account.earned += BigInt(tokens);
  account.balance += BigInt(tokens);
}

/** Why what is left of a run may not be given to anyone yet. */
function payingProblem(state: LedgerState, run: RunLedger): string | undefined {
  if (state.fork) return 'payments have stopped: the ledger has two heads';
  if (!run.ended) return 'it has not ended';
  return run.shards.some(({ pending }) => pending.size > 0) ? 'something of it is pending' : undefined;
}

function closedProblem(state: LedgerState, run: RunLedger, { returned }: EntryOf<'closed'>): string | undefined {
  const open = payingProblem(state, run);
  if (open !== undefined) return open;
  const left = run.pot - run.paid;
  return left === BigInt(returned) ? undefined : `${left} tokens of it are left, not ${returned}`;
}

/** What is left goes back to those who gave it, to the last of them first; what was to be issued is not. */
function over(state: LedgerState, entry: EntryOf<'ended' | 'closed'>): void {
  const run = state.runs.get(entry.run);
  if (!run) return;
  run.ended = true;
  if (entry.type === 'ended') return;
  run.closed = true;
  let left = run.pot - run.paid;
  for (const funds of [...run.funds].reverse()) {
    const back = left < BigInt(funds.tokens) ? left : BigInt(funds.tokens);
    left -= back;
    if (funds.type === 'emission') state.issued -= back;
    else accountOf(state, funds.by).balance += back;
  }
}

function forkProblem({ opened, fork }: LedgerState, heads: readonly SignedRecord[]): string | undefined {
  const [one, other] = heads;
  if (fork) return 'a fork was found before';
  if (!one || !other || heads.length !== 2 || one.sequence !== other.sequence || one.hash === other.hash)
    return 'the records do not contradict each other';
  return heads.every((head) => head.seal.by === opened?.mesh && recordIsSigned(head))
    ? undefined
    : 'the mesh has not signed both';
}

function sealProblem(state: LedgerState, entry: EntryOf<'sealed'>): string | undefined {
  if (entry.sequence !== state.sequence)
    return `it covers ${entry.sequence} records and stands behind ${state.sequence}`;
  if (entry.by !== state.opened?.mesh) return `${entry.by} may not seal: the mesh is ${state.opened?.mesh}`;
  if (!sealHolds(entry)) return `${entry.by} has not signed it`;
  if (entry.head !== state.head || entry.from !== state.sequence - state.segment.length + 1)
    return `${entry.by} has signed other records up to ${entry.sequence}`;
  if (entry.records !== rootOfRecords(state.segment))
    return `${entry.by} has signed other records from ${entry.from} to ${entry.sequence}`;
  return entry.root === rootOfAccounts(state.accounts) ? undefined : `${entry.by} has signed other balances`;
}

/** The next seal, to be signed. */
export function nextSeal({ sequence, head, segment, accounts }: LedgerState): Omit<Seal, 'by' | 'sig'> {
  const [records, root] = [rootOfRecords(segment), rootOfAccounts(accounts)];
  return { from: sequence - segment.length + 1, sequence, head, records, root };
}
