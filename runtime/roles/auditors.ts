/**
 * Trainers that do stretches of others again: which one is asked, and what a finding costs that is not so. What one of them
 * finds otherwise does not count until the synchronizer has done it again itself, to the bit.
 */
import { type AuditorOffer, drawnAuditor, isDoneAgain, isGiven } from '../audit/auditors.ts';
import type { Deployment } from '../wire/deployment.ts';
import { type Audit, type AuditTerm, type Finding, type Mark, NO_AUDITS, type RunAudits } from './audit-state.ts';
import { MAX_WAITING } from './auditor.ts';
import type { MemberState, RunState, SynchronizerEvent } from './synchronizer-state.ts';
import { standingOf } from './watching.ts';
import { nameOf, type Work } from './work.ts';

/** Stretches of a key that were found right before it may say what is right; a key that an operator has listed may at once. */
export const TRUSTED_LOOKS = 13;

/**
 * A trainer that has left so many audits to the synchronizer, beyond half of those that it did, is asked no more until the
 * newest of them is so old: one that never does any costs the mesh that many in such a time, each as long as an auditor has.
 */
export const MAX_LEFT = 3;
export const LEFT_FORGOTTEN_MS = 7 * 86_400_000;
const FOR_ONE_DONE = 0.5;

/**
 * @param also drawn with it, and not open yet
 * @returns the trainer that is to do it again; nothing: the synchronizer does
 */
export function auditorFor(
  work: Work,
  run: RunState,
  { seed, trainer, shards }: Pick<Audit, 'seed' | 'trainer' | 'shards'>,
  { owners }: Pick<AuditTerm, 'owners'>,
  also: readonly Audit[] = [],
): string | undefined {
  const { members, limits } = work.state;
  const audited = members[trainer];
  if (seed === undefined || audited?.auditor === undefined || !isGiven(seed, trainer, limits.givenAudits))
    return undefined;
  const near = nearOf(
    run.deployment,
    shards.map(({ shard }) => shard),
  ).map((shard) => owners[shard]);
  const under = [...Object.values(work.state.runs).flatMap(({ audits }) => audits?.open ?? []), ...also];
  // One that has to say that it has no time would lose its place for it.
  const hasTime = (key: string): boolean => under.filter((audit) => audit.auditor === key).length <= MAX_WAITING;
  const offers = Object.values(members).flatMap((member) =>
    hasTime(member.key) && mayAudit(work, run, member) ? [offerOf(member)] : [],
  );
  return drawnAuditor(
    seed,
    {
      ...{ key: trainer, class: audited.auditor, last: run.audits?.pairs?.[trainer] },
      near: [...new Set([trainer, ...near])].flatMap((key) => {
        const member = key === undefined ? undefined : members[key];
        return member ? [offerOf(member)] : [];
      }),
    },
    offers,
  );
}

/** Shards that exchange frames with one of these; all where the deployment does not say. */
function nearOf({ needs }: Deployment, shards: readonly number[]): number[] {
  const all = [...needs.keys()];
  if (needs.some(({ sends }) => sends === undefined)) return all;
  const meets = (a: number, b: number): boolean => needs[a]?.sends?.some(({ to }) => to === b) === true;
  return all.filter((other) => shards.some((shard) => shard === other || meets(shard, other) || meets(other, shard)));
}

function offerOf({ key, auditor = '', capability: { machine, place } }: MemberState): AuditorOffer {
  return { key, class: auditor, place: place ?? machine };
}

/** Who has just come could be anyone, as often as he likes; who is suspicious, or has a mark, is not asked. */
function mayAudit(work: Work, run: RunState, member: MemberState): boolean {
  const { key, auditor, connected, draining, vouched } = member;
  if (auditor === undefined || !connected || draining || run.excluded.includes(key)) return false;
  const runs = Object.values(work.state.runs);
  if (runs.some(({ marks }) => marks?.some((mark) => mark.key === key))) return false;
  if (leftBy(work, key) >= MAX_LEFT) return false;
  const { looked, suspicion } = standingOf(work.state, key);
  return suspicion === 0 && (vouched === true || looked >= TRUSTED_LOOKS);
}

/** In all runs, lately. */
function leftBy({ state, now }: Pick<Work, 'state' | 'now'>, key: string): number {
  const all = Object.values(state.runs).flatMap(({ audits }) => audits?.left?.[key] ?? []);
  return all.filter(({ at }) => now - at < LEFT_FORGOTTEN_MS).reduce((sum, { count }) => sum + count, 0);
}

/**
 * A trainer that was asked has answered, or left it to the synchronizer: who does that again and again is asked no more.
 * Nothing else comes of it, since one that is slow, or goes away, does the same.
 * @param why it has not done it; absent: it did, or was not really asked
 */
export function withAnswer(
  work: Work,
  run: RunState,
  auditor: string,
  { verdict, why }: Pick<Audited, 'verdict' | 'why'>,
): RunState {
  const audits = run.audits ?? NO_AUDITS;
  const before = audits.left?.[auditor];
  const did = verdict !== 'away';
  if (did ? before === undefined : why === undefined) return run;
  const { count, at } = before && work.now - before.at < LEFT_FORGOTTEN_MS ? before : { count: 0, at: work.now };
  const next = did ? { count: Math.max(0, count - FOR_ONE_DONE), at } : { count: count + 1, at: work.now };
  const had = leftBy(work, auditor);
  const saved = work.setRun({ ...run, audits: { ...audits, left: { ...audits.left, [auditor]: next } } });
  if (had < MAX_LEFT && leftBy(work, auditor) >= MAX_LEFT)
    work.log(run.deployment.run, {
      ...{ event: 'no-auditor', key: auditor, trainer: nameOf(work, auditor) },
      why: why ?? '',
    });
  return saved;
}

type Audited = SynchronizerEvent & { readonly kind: 'audited' };

/** A trainer has said what it finds. @returns what is asked next; nothing: it is settled as it is */
export function nextAfter(
  audit: Audit,
  auditor: string,
  verdict: Audited['verdict'],
  share?: number,
): Audit | undefined {
  const { auditor: _, ...alone } = audit;
  if (verdict === 'match' || verdict === 'inconclusive') {
    const again = audit.seed !== undefined && isDoneAgain(audit.seed, audit.trainer, share);
    return again ? { ...alone, said: { key: auditor, same: true } } : undefined;
  }
  return verdict === 'mismatch' ? { ...alone, said: { key: auditor, same: false } } : alone;
}

/** What it has said of a stretch that was compared to the bit now, where that is not so. */
export function falseFinding(
  { said }: Audit,
  { verdict, exact }: Pick<Audited, 'verdict' | 'exact'>,
): Finding | undefined {
  if (!said || exact !== true) return undefined;
  return (verdict === 'match') === said.same ? undefined : said;
}

/** The newest pair of each trainer, that no other one may be the same. */
export function withPair(audits: RunAudits, { trainer, auditor }: Pick<Audit, 'trainer' | 'auditor'>): RunAudits {
  return auditor === undefined ? audits : { ...audits, pairs: { ...audits.pairs, [trainer]: auditor } };
}

/** What counts as much as a stretch that was not computed. */
export function isWrong({ what }: Pick<Mark, 'what'>): boolean {
  return what === 'mismatch' || what === 'audit';
}
