/** All attacks once, with so many audits that it takes little: what CI and people in a hurry look at. */
import { auditorAttacks, auditorRow, auditorTrial } from './auditors.ts';
import { behaviours } from './behaviours.ts';
import { clearGain, keyRate, schemes } from './economics.ts';
import { paymentAttacks, paymentRow, paymentTrials } from './payments.ts';
import type { Row } from './rows.ts';
import { AttackSuite, SHORT } from './suite.ts';
import { synchronizerAttacks, synchronizerRow } from './synchronizers.ts';
import type { Tables } from './tables.ts';

/** Of a synchronizer. */
const LIES = 10;
/** Trainers are asked seldom in a short run: of fewer seeds none would be asked as often as is to be seen. */
const AUDITOR_SEEDS = 10;

export interface ShortOptions {
  readonly seeds?: number;
  readonly shares?: readonly number[];
  readonly only?: readonly string[];
}

export async function shortTables({ seeds = SHORT.seeds, shares = SHORT.shares, only }: ShortOptions): Promise<Tables> {
  const isWanted = ({ name }: { readonly name: string }): boolean => only?.includes(name) ?? true;
  const suite = new AttackSuite({ ...SHORT, seeds });
  const work: Row[] = [];
  for (const behaviour of behaviours.filter(isWanted))
    for (const share of shares) work.push(await suite.rowOf(behaviour, share));
  const seedsTo = (most: number): number[] => Array.from({ length: most }, (_, i) => i + 1);
  return {
    work,
    auditors: auditorAttacks.filter(isWanted).flatMap((attack) =>
      shares.map((share) => {
        const most = attack.within === undefined ? seeds : Math.max(AUDITOR_SEEDS, seeds);
        const trials = seedsTo(most).map((seed) => auditorTrial(attack, share, seed, SHORT));
        return auditorRow(attack, share, SHORT.rate, trials);
      }),
    ),
    lies: synchronizerAttacks
      .filter(isWanted)
      .map((attack) => synchronizerRow(attack, seedsTo(LIES).map(attack.isFound))),
    gains: schemes.filter(isWanted).map((scheme) => clearGain(scheme, keyRate)),
    payments: paymentAttacks.filter(isWanted).map((attack) => paymentRow(attack, paymentTrials(attack, seeds))),
  };
}
