/** Two answers to the same request, by the same weights on two machines: where they differ, and whether devices may differ by that. */
import { isObject } from '../../support/is-object.ts';

export interface Difference {
  /** Of the first value that is not the same, or of the first one that is not near: `2.digit_scores.7`. */
  readonly place: string;
  /** What was told, and what was computed here. */
  readonly told: string;
  readonly own: string;
  readonly isNear: boolean;
}

/** Of two numbers, against the larger one or 1: settling adds up what the products of two devices differ by. */
const NEAR = 1e-3;

/** @returns nothing where both are the same */
export function compared(told: unknown, own: unknown): Difference | undefined {
  const all = [...differences(told, own, '', undefined)];
  return all.find(({ isNear }) => !isNear) ?? all[0];
}

/** @param beside the object that a value is in: a class may differ where its scores all but agree */
function* differences(told: unknown, own: unknown, place: string, beside: Beside | undefined): Generator<Difference> {
  if (told === own) return;
  if (Array.isArray(told) && Array.isArray(own) && told.length === own.length) {
    for (const [i, value] of told.entries()) yield* differences(value, own[i], below(place, i), undefined);
    return;
  }
  if (isObject(told) && isObject(own)) {
    const names = new Set([...Object.keys(told), ...Object.keys(own)]);
    for (const name of names) yield* differences(told[name], own[name], below(place, name), { told, own, name });
    return;
  }
  yield {
    place,
    told: JSON.stringify(told) ?? 'nothing',
    own: JSON.stringify(own) ?? 'nothing',
    isNear: isNear(told, own, beside),
  };
}

interface Beside {
  readonly told: Readonly<Record<string, unknown>>;
  readonly own: Readonly<Record<string, unknown>>;
  readonly name: string;
}

function isNear(told: unknown, own: unknown, beside: Beside | undefined): boolean {
  if (beside && isTie(beside)) return true;
  if (typeof told !== 'number' || typeof own !== 'number' || (Number.isInteger(told) && Number.isInteger(own)))
    return false;
  return Math.abs(told - own) <= NEAR * Math.max(1, Math.abs(told), Math.abs(own));
}

/** The class that was chosen is another one, and here both have all but the same score. */
function isTie({ told, own, name }: Beside): boolean {
  const [one, other] = [told[name], own[name]];
  const scores = own[`${name}_scores`];
  if (typeof one !== 'number' || typeof other !== 'number' || !Array.isArray(scores)) return false;
  const [first, second] = [scores[one], scores[other]];
  return typeof first === 'number' && typeof second === 'number' && Math.abs(first - second) <= NEAR;
}

function below(place: string, name: string | number): string {
  return place === '' ? String(name) : `${place}.${name}`;
}
