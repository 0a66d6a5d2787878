/** Scores of classes as the logarithms that a softmax is taken of. Pure. */

/**
 * log Σ exp(score) over `classes` scores from `from` on, of all or of all but one.
 * @param but the class that is left out
 */
export function logOfSum(scores: ArrayLike<number>, from: number, classes: number, but = -1): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < classes; c++) if (c !== but) largest = Math.max(largest, scores[from + c] as number);
  let sum = 0;
  for (let c = 0; c < classes; c++) if (c !== but) sum += Math.exp((scores[from + c] as number) - largest);
  return Math.log(sum) + largest;
}

/**
 * log(p / (1 - p)) for the share p that a softmax gives the class: it orders samples as p does, also where all p are so
 * near 1 that they could not be told apart.
 */
export function logOdds(scores: ArrayLike<number>, from: number, classes: number, label: number): number {
  return (scores[from + label] as number) - logOfSum(scores, from, classes, label);
}
