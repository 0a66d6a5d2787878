/**
 * Trainers that do stretches of others again: which one is asked, and what a finding costs that is not so. What one of them
 * finds otherwise does not count until the synchronizer has done it again itself, to the bit.
 */
import { type AuditorOffer, drawnAuditor, isDoneAgain, isGiven } from '../audit/auditors.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { Audit, AuditTerm, Finding, Mark, RunAudits } from './audit-state.ts';
import type { MemberState, RunState, SynchronizerEvent } from './synchronizer-state.ts';
import { standingOf } from './watching.ts';
import type { Work } from './work.ts';

/** Stretches of a key that were found right before it may say what is right; a key that an operator has listed may at once. */
export const TRUSTED_LOOKS = 13;

/** @returns the trainer that is to do it again; nothing: the synchronizer does */
export function auditorFor(
  work: Work,
  run: RunState,
  { seed, trainer, shards }: Pick<Audit, 'seed' | 'trainer' | 'shards'>,
  { owners }: Pick<AuditTerm, 'owners'>,
): string | undefined {
  const { members, limits } = work.state;
  const audited = members[trainer];
  if (seed === undefined || audited?.auditor === undefined || !isGiven(seed, trainer, limits.givenAudits))
    return undefined;
  const near = nearOf(
    run.deployment,
    shards.map(({ shard }) => shard),
  ).map((shard) => owners[shard]);
  const offers = Object.values(members).flatMap((member) => (mayAudit(work, run, member) ? [offerOf(member)] : []));
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
  const { looked, suspicion } = standingOf(work.state, key);
  return suspicion === 0 && (vouched === true || looked >= TRUSTED_LOOKS);
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
