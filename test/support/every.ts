/**
 * Whether every combination is tested: `NMC_EVERY=1`, as the parts of `npm run accept` set it. `npm test` leaves out those
 * that differ little from others, and takes minutes less.
 */
export const EVERY = process.env.NMC_EVERY === '1';
