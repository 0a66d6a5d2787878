/** Standard energies that are least where the value is the prediction, so that neither is drawn away from the other. */
export const SMALLEST_AT_PREDICTION: ReadonlySet<string> = new Set(['gaussian', 'correlated', 'categorical']);

/** A user's own `gaussian` need not have the energy of the standard one. */
export function ownKind(name: string): string {
  return SMALLEST_AT_PREDICTION.has(name) ? `own.${name}` : name;
}
