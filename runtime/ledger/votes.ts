/**
 * Votes as entries of a ledger: who may propose what, how votes are counted, and from which record on a change is in
 * force. A vote weighs what its key had earned by its own work at the seal before the proposal: what is pending, was
 * bought, or was got from others weighs nothing, nor does a key that is excluded.
 */
import { charterProblem, firstSettings, type Settings, valueProblem } from './charter.ts';
import type { EntryOf, NewEntry } from './entry.ts';
import type { Governance, PastProposal, Proposal } from './governance.ts';
import type { Account, LedgerState } from './state.ts';

type VoteEntry = EntryOf<'charter' | 'proposed' | 'voted' | 'decided' | 'applied'>;
type Entered<E> = E extends unknown ? Omit<E, 'at'> : never;
type Counted = Pick<PastProposal, 'yes' | 'no' | 'of'>;

/** Shares are compared in millionths, by whole numbers. */
const MILLION = 1_000_000n;
/** Delays that a change waits at most for what is pending. */
const HELD_UP = 10;

/** What a key has earned, and has not taken out of the mesh. */
export function weightOf({ earned, withdrawn }: Account): bigint {
  return earned > withdrawn ? earned - withdrawn : 0n;
}

/** Before anything is earned or withdrawn: the weight of the key at the last seal is kept. */
export function beforeWeightChanges({ weightsAtSeal, accounts }: LedgerState, key: string): void {
  const account = accounts.get(key);
  if (!weightsAtSeal.has(key)) weightsAtSeal.set(key, account ? weightOf(account) : 0n);
}

/** Why such an entry may not follow; nothing where it may. */
export function voteProblem(state: LedgerState, entry: Entered<VoteEntry>): string | undefined {
  const { governance, fork } = state;
  if (entry.type === 'charter')
    return governance ? 'the ledger has a charter, which is for good' : charterProblem(entry.charter);
  if (!governance) return 'without a charter there are no votes';
  if (fork) return 'nothing is voted on any more: the ledger has two heads';
  switch (entry.type) {
    case 'proposed':
      return proposedProblem(state, governance, entry);
    case 'voted':
      return votedProblem(state, governance, entry);
    case 'decided':
      return decidedProblem(state, governance, entry);
    case 'applied':
      return appliedProblem(state, governance, entry);
  }
}

/** @param sequence of its record */
export function takeVote(state: LedgerState, entry: VoteEntry, sequence: number): void {
  const { governance } = state;
  if (entry.type === 'charter') {
    const settings = firstSettings(entry.charter);
    const since = Object.fromEntries(Object.keys(settings).map((name) => [name, sequence]));
    state.governance = { charter: entry, settings, since, proposals: new Map(), past: [] };
  }
  if (!governance) return;
  switch (entry.type) {
    case 'proposed': {
      state.ids.add(entry.id);
      const weights = weightsBefore(state);
      governance.proposals.set(entry.id, { entry, seals: state.seals, weights, votes: new Map() });
      return;
    }
    case 'voted':
      governance.proposals.get(entry.proposal)?.votes.set(entry.by, entry.vote);
      return;
    case 'decided':
      decided(state, governance, entry, sequence);
      return;
    case 'applied':
      applied(state, governance, entry, sequence);
  }
}

/** What follows from the votes that were cast, when it is time. */
export function dueOfVotes(state: LedgerState): NewEntry | undefined {
  const { governance, fork } = state;
  if (!governance || fork) return undefined;
  for (const [id, proposal] of governance.proposals) {
    if (!proposal.passed) {
      if (isVotedOn(state, governance, proposal)) continue;
      return { type: 'decided', proposal: id, ...outcomeOf(state, governance, proposal) };
    }
    if (!delayHasPassed(state, governance, proposal)) continue;
    const { setting, value } = proposal.entry;
    return { type: 'applied', proposal: id, setting, value };
  }
  return undefined;
}

/** Whether votes on it are taken. */
export function isVotedOn(
  { seals }: LedgerState,
  { charter }: Governance,
  { passed, seals: before }: Pick<Proposal, 'passed' | 'seals'>,
): boolean {
  return !passed && seals <= before + charter.charter.voting;
}

/** Weight for and against, and of all, as of now: a key that was excluded meanwhile weighs nothing. */
export function countVotes({ accounts }: LedgerState, { weights, votes }: Proposal): Counted {
  let [yes, no, of] = [0n, 0n, 0n];
  for (const [key, weight] of weights) {
    if (accounts.get(key)?.excluded) continue;
    of += weight;
    const vote = votes.get(key);
    if (vote === 'yes') yes += weight;
    if (vote === 'no') no += weight;
  }
  return { yes: Number(yes), no: Number(no), of: Number(of) };
}

function outcomeOf(
  state: LedgerState,
  { charter: { charter } }: Governance,
  proposal: Proposal,
): Counted & Pick<EntryOf<'decided'>, 'outcome'> {
  const counted = countVotes(state, proposal);
  const { yes, no, of } = counted;
  const voted = yes + no;
  const passes = voted > 0 && reaches(voted, charter.quorum, of) && exceeds(yes, charter.majority, voted);
  return { ...counted, outcome: passes ? 'passed' : 'failed' };
}

function reaches(part: number, share: number, of: number): boolean {
  return BigInt(part) * MILLION >= millionths(share) * BigInt(of);
}

function exceeds(part: number, share: number, of: number): boolean {
  return BigInt(part) * MILLION > millionths(share) * BigInt(of);
}

function millionths(share: number): bigint {
  return BigInt(Math.round(share * Number(MILLION)));
}

/** At the last seal. */
function weightsBefore({ accounts, weightsAtSeal }: LedgerState): ReadonlyMap<string, bigint> {
  const weights = new Map<string, bigint>();
  for (const [key, account] of accounts) {
    const weight = account.excluded ? 0n : (weightsAtSeal.get(key) ?? weightOf(account));
    if (weight > 0n) weights.set(key, weight);
  }
  return weights;
}

function proposedProblem(
  state: LedgerState,
  { charter: { charter }, settings, proposals }: Governance,
  { id, by, setting, value }: Entered<EntryOf<'proposed'>>,
): string | undefined {
  if (state.ids.has(id)) return 'the same proposal was taken before';
  const wrong = valueProblem(charter, settings, setting, value);
  if (wrong !== undefined) return wrong;
  for (const { entry, passed } of proposals.values()) {
    if (entry.by === by) return `${by} has proposed ${entry.id}, which is not over`;
    if (passed && entry.setting === setting)
      return `${entry.id} has passed and will change ${setting}: propose behind it`;
  }
  const weights = weightsBefore(state);
  const all = [...weights.values()].reduce((sum, weight) => sum + weight, 0n);
  const own = weights.get(by) ?? 0n;
  if (own > 0n && own * MILLION >= millionths(charter.standing) * all) return undefined;
  return `${by} had earned ${own} of ${all} tokens before the last seal: ${charter.standing} of them are needed to propose`;
}

function votedProblem(
  state: LedgerState,
  governance: Governance,
  { proposal: id, by }: Entered<EntryOf<'voted'>>,
): string | undefined {
  const proposal = governance.proposals.get(id);
  if (!proposal) return `no proposal ${id} is voted on`;
  if (!isVotedOn(state, governance, proposal)) return 'it is too late: the votes are counted';
  if (proposal.votes.has(by)) return `${by} has voted before`;
  if (state.accounts.get(by)?.excluded) return `${by} is excluded`;
  return proposal.weights.has(by) ? undefined : `${by} had earned nothing at the seal before the proposal`;
}

function decidedProblem(
  state: LedgerState,
  governance: Governance,
  entry: Entered<EntryOf<'decided'>>,
): string | undefined {
  const proposal = governance.proposals.get(entry.proposal);
  if (!proposal || proposal.passed) return `no proposal ${entry.proposal} is voted on`;
  if (isVotedOn(state, governance, proposal)) return 'votes on it are still taken';
  const { yes, no, of, outcome } = outcomeOf(state, governance, proposal);
  const isSo = yes === entry.yes && no === entry.no && of === entry.of && outcome === entry.outcome;
  return isSo ? undefined : `it has ${outcome}: ${yes} are for it and ${no} against it, of ${of}`;
}

function decided(state: LedgerState, governance: Governance, entry: EntryOf<'decided'>, sequence: number): void {
  const proposal = governance.proposals.get(entry.proposal);
  if (!proposal) return;
  const { yes, no, of } = entry;
  if (entry.outcome === 'failed') {
    end(governance, proposal, { outcome: 'failed', yes, no, of, sequence });
    return;
  }
  proposal.passed = { sequence, seals: state.seals };
  // They were proposed for a setting that this one changes.
  for (const other of [...governance.proposals.values()])
    if (!other.passed && other.entry.setting === proposal.entry.setting)
      end(governance, other, { outcome: 'lapsed', ...countVotes(state, other), sequence });
}

function end(governance: Governance, { entry }: Proposal, how: Omit<PastProposal, 'entry'>): void {
  governance.proposals.delete(entry.id);
  governance.past.push({ entry, ...how });
}

/**
 * As many segments as the charter says, and all that was pending when it was decided is granted or withheld. A run that
 * stands still holds nothing up for ever: each pending stretch keeps the window that it was committed under.
 */
function delayHasPassed({ seals, runs }: LedgerState, { charter }: Governance, { passed }: Proposal): boolean {
  const { delay } = charter.charter;
  if (!passed || seals <= passed.seals + delay) return false;
  if (seals > passed.seals + HELD_UP * delay) return true;
  for (const { shards } of runs.values())
    for (const { pending } of shards) {
      const [oldest] = pending.values();
      if (oldest && oldest.sequence < passed.sequence) return false;
    }
  return true;
}

function appliedProblem(
  state: LedgerState,
  governance: Governance,
  { proposal: id, setting, value }: Entered<EntryOf<'applied'>>,
): string | undefined {
  const proposal = governance.proposals.get(id);
  if (!proposal?.passed) return `no proposal ${id} has passed`;
  if (!delayHasPassed(state, governance, proposal)) return 'its delay has not passed';
  const { entry } = proposal;
  const isSo = entry.setting === setting && JSON.stringify(entry.value) === JSON.stringify(value);
  return isSo ? undefined : `it is about ${entry.setting}: ${JSON.stringify(entry.value)}`;
}

function applied(state: LedgerState, governance: Governance, entry: EntryOf<'applied'>, sequence: number): void {
  const proposal = governance.proposals.get(entry.proposal);
  if (!proposal) return;
  governance.settings = { ...governance.settings, [entry.setting]: entry.value } as Settings;
  governance.since = { ...governance.since, [entry.setting]: sequence };
  end(governance, proposal, { outcome: 'applied', ...countVotes(state, proposal), sequence });
}
