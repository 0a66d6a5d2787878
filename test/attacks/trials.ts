/** All that `npm run attacks` tries, once for each seed: what comes of it is kept, and rows are made of it elsewhere. */
import { type AuditorAttack, type AuditorTrial, auditorAttacks, auditorTrial, FULL_AUDITORS } from './auditors.ts';
import { type Behaviour, behaviours } from './behaviours.ts';
import { gainOf, keyRate, type Scheme, schemes } from './economics.ts';
import type { Tried } from './kept-blocks.ts';
import { type PaymentAttack, paymentAttacks, paymentTrial } from './payments.ts';
import { AttackSuite, FULL } from './suite.ts';
import { type SynchronizerAttack, synchronizerAttacks } from './synchronizers.ts';

export const workName = ({ name }: Pick<Behaviour, 'name'>, share: number): string => `work/${name}/${share}`;
export const auditorName = ({ name }: Pick<AuditorAttack, 'name'>, share: number): string => `auditor/${name}/${share}`;
export const schemeName = ({ name }: Pick<Scheme, 'name'>): string => `scheme/${name}`;
export const lieName = ({ name }: Pick<SynchronizerAttack, 'name'>): string => `lie/${name}`;
export const paymentName = ({ name }: Pick<PaymentAttack, 'name'>): string => `payment/${name}`;

export interface Wanted {
  readonly seeds: number;
  readonly shares: readonly number[];
  /** Names of attacks; absent: all. */
  readonly only?: readonly string[];
}

/** At full size. */
export function trialsOf({ seeds, shares, only }: Wanted): Tried[] {
  const isWanted = ({ name }: { readonly name: string }): boolean => only?.includes(name) ?? true;
  const suite = new AttackSuite({ ...FULL, seeds });
  const auditors = auditorsBySeed();
  return [
    ...behaviours.filter(isWanted).flatMap((behaviour) =>
      shares.map((share) => ({
        name: workName(behaviour, share),
        of: (seed: number) => suite.trial(behaviour, share, seed),
      })),
    ),
    ...auditorAttacks.filter(isWanted).flatMap((attack) =>
      shares.map((share) => ({
        name: auditorName(attack, share),
        of: (seed: number) => auditors(attack, share, seed),
      })),
    ),
    ...schemes.filter(isWanted).map((scheme) => ({
      name: schemeName(scheme),
      of: (seed: number) => gainOf(scheme, seed, keyRate),
    })),
    ...synchronizerAttacks.filter(isWanted).map((attack) => ({ name: lieName(attack), of: attack.isFound })),
    ...paymentAttacks.filter(isWanted).map((attack) => ({
      name: paymentName(attack),
      of: (seed: number) => paymentTrial(attack, seed),
    })),
  ].map((tried) => ({ ...tried, seeds }));
}

/** Of a seed: attacks that say the same of the same stretches are one. */
function auditorsBySeed(): (attack: AuditorAttack, share: number, seed: number) => AuditorTrial {
  let known: { readonly attack: AuditorAttack; readonly share: number; readonly trial: AuditorTrial }[] = [];
  let of = 0;
  return (attack, share, seed) => {
    if (seed !== of) known = [];
    of = seed;
    const same = known.find(
      (one) => one.share === share && one.attack.says === attack.says && one.attack.works === attack.works,
    );
    const trial = same?.trial ?? auditorTrial(attack, share, seed, FULL_AUDITORS);
    known.push({ attack, share, trial });
    return trial;
  };
}
