/** Metrics against their definitions, written another way. */
import { describe, expect, it } from 'vitest';
import { compare, type Measure, measured, NOTHING } from '../../../runtime/training/metrics.ts';
import { stream } from '../../../spec/random.ts';

const of = (measure: Measure, predicted: readonly number[], answers: readonly number[]): number =>
  measured(measure, compare(measure, predicted, Int32Array.from(answers)));

describe('a check of scores', () => {
  const rng = stream(1, 'scores');
  const classes = 7;
  const count = 50;
  const scores = Array.from({ length: count * classes }, (_, i) => 5 * rng.normal(i));
  const answers = Array.from({ length: count }, (_, i) => rng.bits(i) % classes);
  const rowsOf = Array.from({ length: count }, (_, i) => scores.slice(i * classes, (i + 1) * classes));

  it('has the perplexity of the softmax at the right classes', () => {
    const logs = rowsOf.map((row, i) => {
      const shares = row.map(Math.exp);
      return -Math.log((shares[answers[i] as number] as number) / shares.reduce((a, b) => a + b));
    });
    const expected = Math.exp(logs.reduce((a, b) => a + b) / count);
    expect(of({ metric: 'perplexity', classes }, scores, answers)).toBeCloseTo(expected, 10);
  });

  it('is as many as there are classes for equal scores, and stays finite for large ones', () => {
    expect(of({ metric: 'perplexity', classes: 4 }, [3, 3, 3, 3], [2])).toBeCloseTo(4, 12);
    expect(of({ metric: 'perplexity', classes: 2 }, [1e4, -1e4], [0])).toBe(1);
  });

  it('is not finite where the answer is not a class', () => {
    expect(of({ metric: 'perplexity', classes: 2 }, [0, 0], [2])).toBeNaN();
    expect(of({ metric: 'perplexity', classes: 2 }, [0, 0, 0, 0], [0, -1])).toBeNaN();
  });

  it('counts classes among the best, and of equal ones the first, as argmax does', () => {
    const best = (n: number): number =>
      rowsOf.filter((row, i) => {
        const order = row.map((_, c) => c).sort((a, b) => (row[b] as number) - (row[a] as number));
        return order.slice(0, n).includes(answers[i] as number);
      }).length / count;
    for (const n of [1, 3, 7]) expect(of({ metric: 'top', classes, best: n }, scores, answers)).toBe(best(n));
    expect(of({ metric: 'top', classes: 3, best: 1 }, [1, 1, 0, 1, 1, 0], [0, 1])).toBe(0.5);
  });

  it('goes on from what was compared before, to the same bits', () => {
    const measure = { metric: 'perplexity', classes };
    const part = compare(measure, scores, Int32Array.from(answers.slice(0, 20)));
    const rest = compare(measure, scores.slice(20 * classes), Int32Array.from(answers.slice(20)), part);
    expect(rest).toEqual(compare(measure, scores, Int32Array.from(answers), NOTHING));
  });
});

it('errors are means of squared or absolute differences', () => {
  for (const metric of ['error', 'mse']) expect(of({ metric }, [1, 5], [2, 2])).toBe(5);
  expect(of({ metric: 'mae' }, [1, 5], [2, 2])).toBe(2);
});
