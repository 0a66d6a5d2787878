/**
 * Faults of shards, and proofs against keys. A fault moves the shard; only a shard that no trainer can do ends the run.
 * A lie proved by the key's own signature excludes the key from the run; an undecided dispute moves both, and excludes none.
 */
import type { Dispute } from '../wire/messages.ts';
import { faultsSince, UNPROVEN } from './candidates.ts';
import { end, halted } from './ending.ts';
import { candidates, reassign, release } from './ownership.ts';
import { sharesOf, standsOut } from './quarrels.ts';
import { heldFor } from './sharing.ts';
import type { Fault, Proof, Refusal, RunState } from './synchronizer-state.ts';
import { isActive, nameOf, type Work } from './work.ts';

const FAULTS_KEPT = 64;
const DISPUTES_KEPT = 64;
/** The code of a trainer whose memory has no room for a shard. */
const NO_ROOM = 'plan/memory';
/** Why a stretch has no verdict, and its trainer no shards. */
export const NO_MEMORY = 'it has had no memory to do a drawn stretch again, whenever it was asked';
const QUARRELSOME = 'it has many more undecided disputes with others than its borders explain';

export type Happened = Pick<Fault, 'key' | 'shard' | 'code' | 'reason'>;

/** The shards move, or the run fails where no trainer can do one of them. */
export function fault(work: Work, run: RunState, happened: readonly Happened[]): void {
  const calls = run.manifests.at(-1)?.calls ?? 0;
  const told = happened.map((h) => ({ ...h, at: work.now, calls, ...besideOthers(work, run, h) }));
  const faults = [...run.faults, ...told].slice(-FAULTS_KEPT);
  const saved = work.saveRun({ ...run, faults });
  for (const { key, shard, code, reason } of happened)
    work.log(run.deployment.run, { event: 'fault', key, trainer: nameOf(work, key), shard, code, reason });
  const hopeless = happened.find((h) => isHopeless(work, saved, h.shard));
  if (hopeless && run.checkingFrom !== undefined) {
    // It is trained, but cannot be checked.
    const reason = `no trainer can check it: ${hopeless.reason}`;
    release(work, run.owners, work.saveRun({ ...saved, phase: 'waiting', owners: [], reason }));
  } else if (hopeless) end(work, saved, 'failed', `shard ${hopeless.shard}: ${hopeless.reason}`, hopeless.code);
  // Where all stop anyway nothing moves any more.
  else if (run.phase === 'halting') halted(work, saved);
  else {
    const failed = happened.map((h) => h.shard);
    reassign(work, saved, `shard ${failed.join(', ')} has failed (${happened[0]?.code})`, undefined, failed);
  }
}

/**
 * A trainer was there, and has said of a drawn stretch that it has no memory to do it again, whenever it was asked. That may be
 * so, and costs it no more than its pay; but who cannot be audited can compute what it likes: its shards go to others.
 */
export function unproven(work: Work, run: RunState | undefined, key: string): void {
  if (!run || !isActive(run)) return;
  const shards = run.owners.flatMap((owner, shard) => (owner === key ? [shard] : []));
  const told = shards.map((shard) => ({ key, shard, code: UNPROVEN, reason: NO_MEMORY }));
  if (told.length > 0) fault(work, run, told);
}

/** A trainer knows better than its plan what memory is left. */
function besideOthers({ state }: Work, run: RunState, { key, code }: Happened): Pick<Fault, 'beside'> {
  const beside = code === NO_ROOM ? heldFor(state, key, run.deployment.run).runs : [];
  return beside.length > 0 ? { beside } : {};
}

/** Enough keys have failed the shard, or all who are there; those who were there before may come back meanwhile. */
function isHopeless(work: Work, run: RunState, shard: number): boolean {
  const { limits } = work.state;
  const faults = faultsSince(run, limits, work.now).filter((f) => f.shard === shard);
  if (faults.length < limits.shardFaults) return false;
  const keys = new Set(faults.map((f) => f.key));
  if (keys.size >= limits.shardKeys) return true;
  if (candidates(work, run).some((c) => !keys.has(c.key))) return false;
  return run.trained.flat().every((key) => keys.has(key)) || faults.length > limits.shardFaults;
}

export interface Lie {
  readonly key: string;
  readonly shard: number;
  readonly what: string;
  /** The evidence: a hash, or the two things that do not agree. */
  readonly evidence: string;
}

/** Nothing of this key's is taken in this run any more. */
export function exclude(work: Work, run: RunState, { key, shard, what, evidence }: Lie): void {
  const id = run.deployment.run;
  const excluded = run.excluded.includes(key) ? run.excluded : [...run.excluded, key];
  const saved = work.saveRun({ ...run, excluded });
  work.log(id, { event: 'liar', key, trainer: nameOf(work, key), shard, what, evidence });
  if (run.phase === 'halting') halted(work, saved);
  else reassign(work, saved, `${nameOf(work, key)} has lied (${what})`);
}

/** @param proof of the evidence against the accused's own signatures, @param evidence its hash */
export function dispute(
  work: Work,
  run: RunState,
  { shard, peer, call, what }: Dispute,
  proof: Proof,
  evidence: string,
): Refusal | undefined {
  const [accuser, accused] = [run.owners[shard], run.owners[peer]];
  if (accuser === undefined || accused === undefined || accuser === accused) return 'not-a-neighbour';
  const names = { trainer: nameOf(work, accuser), accused: nameOf(work, accused) };
  work.log(run.deployment.run, { event: 'dispute', ...names, shard, peer, call, what, verdict: proof, evidence });
  if (proof === 'proved') exclude(work, run, { key: accused, shard: peer, what: `border/${what}`, evidence });
  else if (proof === 'false') exclude(work, run, { key: accuser, shard, what: 'false-accusation', evidence });
  else undecided(work, run, [{ accuser, accused }]);
  return undefined;
}

/** Both move where others can take their shards; who stands out by such disputes is asked last, and loses nothing else. */
export function undecided(
  work: Work,
  run: RunState,
  pairs: readonly { readonly accuser: string; readonly accused: string }[],
): void {
  const told = pairs.map((pair) => ({ ...pair, at: work.now, shares: sharesOf(run, [pair.accuser, pair.accused]) }));
  const disputes = [...run.disputes, ...told].slice(-DISPUTES_KEPT);
  const saved = work.saveRun({ ...run, disputes });
  for (const key of new Set(pairs.flatMap((p) => [p.accuser, p.accused])))
    if (standsOut(disputes, key, work.now) && !standsOut(run.disputes, key, work.now))
      work.log(run.deployment.run, { event: 'aside', key, trainer: nameOf(work, key), why: QUARRELSOME });
  if (run.phase === 'halting') halted(work, saved);
  else reassign(work, saved, 'a border cannot go on, and the fault cannot be attributed');
}
