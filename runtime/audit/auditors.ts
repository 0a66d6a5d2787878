/**
 * Which trainer does the stretch of another one again. It follows from the draw, which no one can choose (`draw.ts`): neither
 * who is audited nor who would like to be the auditor has a say in it. Pure.
 */
import { chanceOf } from './draw.ts';

/** Of audits that a trainer could do, those that one does; the synchronizer does the others. */
export const GIVEN_SHARE = 0.5;
/**
 * Of stretches that a trainer has found to be as they were signed, those that the synchronizer does again as well: an
 * auditor that works together with the audited trainer is told what to say, and is found by nothing else.
 */
export const AGAIN_SHARE = 0.25;

/** One that may be asked. */
export interface AuditorOffer {
  readonly key: string;
  /** Of its device, as `classHash` has it. */
  readonly class: string;
  /** Where it stands in the network, as it says: trainers of one place may be of one owner. */
  readonly place: string;
}

export interface AuditedTrainer {
  readonly key: string;
  readonly class: string;
  /** It and the owners of all neighbouring shards: they know what went out, or in. */
  readonly near: readonly Omit<AuditorOffer, 'class'>[];
  /** Who has done a stretch of it again the last time. */
  readonly last: string | undefined;
}

/** Whether a trainer is to do it, where there is one. @param share of audits that are given to trainers */
export function isGiven(seed: string, trainer: string, share = GIVEN_SHARE): boolean {
  return chanceOf(seed, 'given', trainer) < share;
}

/** @returns its key; nothing where no offer is far enough from the audited trainer, or gives its bits */
export function drawnAuditor(
  seed: string,
  { key: audited, class: bits, near, last }: AuditedTrainer,
  offers: readonly AuditorOffer[],
): string | undefined {
  const chances = offers
    .filter((offer) => offer.class === bits && offer.key !== audited && !near.some((other) => isNear(offer, other)))
    .map(({ key }) => ({ key, chance: chanceOf(seed, 'auditor', audited, key) }))
    .sort((a, b) => a.chance - b.chance || (a.key < b.key ? -1 : 1));
  // Never the same pair twice in a row: then the synchronizer does it, where there is no other one.
  return chances.find(({ key }) => key !== last)?.key;
}

/** Whether the synchronizer does it as well, though nothing was found. */
export function isDoneAgain(seed: string, trainer: string, share = AGAIN_SHARE): boolean {
  return chanceOf(seed, 'settled', trainer) < share;
}

/** The same trainer, or one of the same place. */
export function isNear(offer: Omit<AuditorOffer, 'class'>, other: Omit<AuditorOffer, 'class'>): boolean {
  return offer.key === other.key || (offer.place !== '' && offer.place === other.place);
}
