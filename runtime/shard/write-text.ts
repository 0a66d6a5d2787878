/** Text that a model goes on with: one character after the other, each drawn from the scores of the one before it. */
import { type RandomStream, stream } from '../../spec/random.ts';
import { UserError } from '../support/errors.ts';

export interface Writing {
  /** Ids to begin with, at least one. */
  readonly prompt: readonly number[];
  /** Characters to add. */
  readonly tokens: number;
  /** Scores are divided by it; at 0 the character with the highest score is taken. */
  readonly temperature: number;
  readonly seed: number;
}

/** Scores `[window, classes]` of the characters behind each of a window's, of a model that reads `window` at once. */
export interface TextModel {
  readonly window: number;
  readonly classes: number;
  scores(window: Int32Array): Promise<ArrayLike<number>>;
}

/**
 * Yields the ids that follow the prompt. The model reads the last `window` characters. While there are fewer they stand
 * first in the window, and the model must score them without looking at what fills the rest.
 * @throws UserError `predict/prompt` where it does look at them, `predict/not-finite` where scores are not finite
 */
export async function* writeText(model: TextModel, writing: Writing): AsyncGenerator<number> {
  const { window, classes } = model;
  const rng = stream(writing.seed, 'text');
  const text = writing.prompt.slice(-window);
  if (text.length < window && classes > 1) await assertLooksBack(model, text);
  for (let written = 0; written < writing.tokens; written++) {
    const id = drawn(await lastScores(model, text, 0), writing.temperature, rng, written);
    yield id;
    text.push(id);
    if (text.length > window) text.shift();
  }
}

/** @param filler what stands behind the text, to the end of the window */
async function lastScores(
  { window, classes, scores }: TextModel,
  text: readonly number[],
  filler: number,
): Promise<number[]> {
  const all = await scores(Int32Array.from({ length: window }, (_, i) => text[i] ?? filler));
  const from = (text.length - 1) * classes;
  const last = Array.from({ length: classes }, (_, c) => Number(all[from + c]));
  if (last.every(Number.isFinite)) {
    if (areShares(last))
      throw new UserError(
        'predict/text',
        'what is read are shares, which sum to 1, and not scores: each character would be drawn nearly as often as any other',
        'read what the softmax is taken of: `read next = …`',
      );
    return last;
  }
  throw new UserError(
    'predict/not-finite',
    'the scores of the next character are not finite',
    'train with a lower rate',
  );
}

/** Scores are as often below 0 as above it, and sum to 1 by no chance. */
function areShares(scores: readonly number[]): boolean {
  const sum = scores.reduce((total, score) => total + score, 0);
  const isBetween = scores.every((score) => score >= 0 && score <= 1) && scores.some((score) => score > 0 && score < 1);
  return isBetween && Math.abs(sum - 1) < SAME;
}

async function assertLooksBack(model: TextModel, text: readonly number[]): Promise<void> {
  const [one, other] = [await lastScores(model, text, 0), await lastScores(model, text, 1)];
  const largest = Math.max(...one.map(Math.abs), 1);
  if (one.every((score, c) => Math.abs(score - (other[c] as number)) <= SAME * largest)) return;
  throw new UserError(
    'predict/prompt',
    `the model looks at what comes behind a character, so it can only go on from a whole window of ${model.window}`,
    'give a longer prompt, or train a model that looks back alone: `links.attention(causal = true)`',
  );
}

/** Two runs of a device on the same numbers differ by less. */
const SAME = 1e-5;

/** A class by softmax(scores / temperature); the i-th number of the stream decides. */
export function drawn(scores: readonly number[], temperature: number, rng: RandomStream, i: number): number {
  const largest = Math.max(...scores);
  if (temperature === 0) return scores.indexOf(largest);
  const shares = scores.map((score) => Math.exp((score - largest) / temperature));
  const sum = shares.reduce((a, b) => a + b, 0);
  let left = rng.uniform(i) * sum;
  const found = shares.findIndex((share) => {
    left -= share;
    return left < 0;
  });
  return found >= 0 ? found : scores.indexOf(largest);
}
