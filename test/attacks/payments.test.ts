/** Attacks on payments, as `npm run attacks` plays them over more seeds. */
import { expect, test } from 'vitest';
import { isBounded, paymentAttacks, paymentRow, paymentTrials } from './payments.ts';

test.each(paymentAttacks)('$name gains no more than is said', (attack) => {
  const row = paymentRow(attack, paymentTrials(attack, 5));
  expect(isBounded(row), `${row.gain} predictions`).toBe(true);
  // One that is not bounded by nothing does gain, or the table would say too much.
  if (attack.bound) expect(row.gain).toBeGreaterThan(0);
  else expect(row.refused).toBe(row.seeds);
});
