/**
 * `auc`: the area under the curve of true over false positives, which is the share of pairs, of an element of the class
 * and one of another, where the first has the higher score; of equal scores half a pair counts (Hanley and McNeil 1982).
 * It is exact, so all scores are kept until the last batch: eight bytes for each element.
 */
import type { FieldData } from '../device/device.ts';
import type { Compared } from './compared.ts';
import type { Evaluation } from './evaluations.ts';
import { logOdds } from './scores.ts';

export class Ranking {
  readonly #measure: Pick<Evaluation, 'class' | 'classes'>;
  readonly #ofClass: number[] = [];
  readonly #ofOthers: number[] = [];

  /** @param measure its `class`, and its `classes` where the read has a score for each of them */
  constructor(measure: Pick<Evaluation, 'class' | 'classes'>) {
    this.#measure = measure;
  }

  /** @returns the elements counted, and with the last batch the pairs: sums of an evaluation that is under way are 0 */
  add(predicted: ArrayLike<number>, answers: FieldData, before: Compared, isLast: boolean): Compared {
    const { classes = 1, class: label = 0 } = this.#measure;
    if (before.count !== this.#ofClass.length + this.#ofOthers.length)
      throw new Error(`a ranking of ${before.count} elements goes on without their scores`);
    for (let i = 0; i < answers.length; i++) {
      const score = classes === 1 ? (predicted[i] as number) : logOdds(predicted, i * classes, classes, label);
      (answers[i] === label ? this.#ofClass : this.#ofOthers).push(score);
    }
    const count = before.count + answers.length;
    if (!isLast) return { sum: before.sum, count, of: 0 };
    const sum = before.sum + pairsInOrder(inOrder(this.#ofClass), inOrder(this.#ofOthers));
    return { sum, count, of: this.#ofClass.length * this.#ofOthers.length };
  }
}

/** A NaN comes last. */
function inOrder(numbers: readonly number[]): Float64Array {
  return Float64Array.from(numbers).sort();
}

/**
 * Pairs whose first number is the larger one, and half of those that are equal; NaN where a number is.
 * @param above in order, as `below` is
 */
function pairsInOrder(above: Float64Array, below: Float64Array): number {
  if (Number.isNaN(above.at(-1)) || Number.isNaN(below.at(-1))) return Number.NaN;
  let [pairs, less, notMore] = [0, 0, 0];
  for (let i = 0; i < above.length; i++) {
    const score = above[i] as number;
    while (less < below.length && (below[less] as number) < score) less++;
    while (notMore < below.length && (below[notMore] as number) <= score) notMore++;
    pairs += (less + notMore) / 2;
  }
  return pairs;
}
