/** Metrics against their definitions, written another way. */
import { describe, expect, it } from 'vitest';
import { type Compared, NOTHING } from '../../../runtime/training/compared.ts';
import { comparing, type Measure, measured } from '../../../runtime/training/metrics.ts';
import { stream } from '../../../spec/random.ts';

const compare = (measure: Measure, predicted: readonly number[], answers: readonly number[]): Compared =>
  comparing(measure)(predicted, Int32Array.from(answers), NOTHING, true);
const of = (measure: Measure, predicted: readonly number[], answers: readonly number[]): number =>
  measured(measure, compare(measure, predicted, answers));

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

  it.each(['perplexity', 'top', 'auc'])('%s goes on from what was compared before, to the same bits', (metric) => {
    const measure = { metric, classes, best: 2, class: 3 };
    const goOn = comparing(measure);
    const part = goOn(scores.slice(0, 20 * classes), Int32Array.from(answers.slice(0, 20)), NOTHING, false);
    const rest = goOn(scores.slice(20 * classes), Int32Array.from(answers.slice(20)), part, true);
    expect(rest).toEqual(compare(measure, scores, answers));
  });
});

describe('a check of one class', () => {
  // Read as 1 three times, of which one is right; two are of class 1.
  const [predicted, answers] = [
    [0, 1, 1, 2, 1, 0],
    [0, 1, 0, 2, 2, 1],
  ] as const;

  it('has the share of those read as it that are right, and of its own those that are read as it', () => {
    expect([0, 1, 2].map((label) => of({ metric: 'precision', class: label }, predicted, answers))).toEqual([
      1 / 2,
      1 / 3,
      1,
    ]);
    expect([0, 1, 2].map((label) => of({ metric: 'recall', class: label }, predicted, answers))).toEqual([
      1 / 2,
      1 / 2,
      1 / 2,
    ]);
  });

  it('has no share of nothing', () => {
    expect(of({ metric: 'precision', class: 2 }, [0, 1], [2, 2])).toBeNaN();
    expect(of({ metric: 'precision', class: 1 }, [0, 1], [2, 2])).toBe(0);
    expect(of({ metric: 'recall', class: 1 }, [0, 1], [2, 2])).toBeNaN();
    expect(of({ metric: 'auc', class: 2 }, [0, 1], [2, 2])).toBeNaN();
    expect(of({ metric: 'auc', class: 1 }, [0, 1], [2, 2])).toBeNaN();
  });

  it('recalls in all as many as are right', () => {
    const rng = stream(2, 'classes');
    const [read, right] = [0, 1000].map((from) => Array.from({ length: 200 }, (_, i) => rng.bits(from + i) % 5));
    const found = [0, 1, 2, 3, 4].map((label) => compare({ metric: 'recall', class: label }, read ?? [], right ?? []));
    const inAll = (name: 'sum' | 'of'): number => found.reduce((sum, one) => sum + (one[name] ?? 0), 0);
    expect(inAll('of')).toBe(200);
    expect(inAll('sum')).toBe(compare({ metric: 'accuracy' }, read ?? [], right ?? []).sum);
  });
});

describe('the area under the curve', () => {
  it('is the share of pairs in order, and half of those that are equal', () => {
    const auc = { metric: 'auc', class: 1 };
    expect(of(auc, [0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])).toBe(3 / 4);
    expect(of(auc, [1, 1, 0], [1, 0, 0])).toBe(3 / 4);
    expect(of(auc, [2, 2, 2, 2], [1, 0, 1, 0])).toBe(1 / 2);
    expect(of(auc, [3, 2, 1], [1, 1, 0])).toBe(1);
    expect(of(auc, [3, 2, 1], [0, 0, 1])).toBe(0);
    expect(of({ metric: 'auc', class: 0 }, [3, 2, 1], [0, 0, 1])).toBe(1);
  });

  it('counts every pair, of scores that are often equal', () => {
    const rng = stream(3, 'ranks');
    for (let round = 0; round < 20; round++) {
      const from = 1000 * round;
      const scores = Array.from({ length: 60 }, (_, i) => (rng.bits(from + i) % 7) - 3);
      const answers = Array.from({ length: 60 }, (_, i) => rng.bits(from + 500 + i) % 3);
      const [above, below] = [true, false].map((is) => scores.filter((_, i) => (answers[i] === 2) === is));
      const pairs: number[] = (above ?? []).flatMap((a) => (below ?? []).map((b) => (a > b ? 1 : a === b ? 0.5 : 0)));
      expect(compare({ metric: 'auc', class: 2 }, scores, answers)).toEqual({
        sum: pairs.reduce((a, b) => a + b, 0),
        count: 60,
        of: pairs.length,
      });
    }
  });

  it('ranks by the share of a softmax, also where all shares are as good as 1', () => {
    const rng = stream(4, 'shares');
    const [classes, count] = [4, 40];
    const scores = Array.from({ length: classes * count }, (_, i) => 2 * rng.normal(i));
    const answers = Array.from({ length: count }, (_, i) => rng.bits(9000 + i) % classes);
    const shares = Array.from({ length: count }, (_, i) => {
      const row = scores.slice(i * classes, (i + 1) * classes).map(Math.exp);
      return (row[1] as number) / row.reduce((a, b) => a + b);
    });
    expect(of({ metric: 'auc', classes, class: 1 }, scores, answers)).toBe(
      of({ metric: 'auc', class: 1 }, shares, answers),
    );
    expect(of({ metric: 'auc', classes: 2, class: 1 }, [0, 900, 0, 800, 0, 900], [1, 0, 0])).toBe(3 / 4);
  });

  it('is not a number where a score is none, wherever it comes', () => {
    for (const at of [0, 1, 2, 3]) {
      const scores = [0.1, 0.2, 0.3, 0.4].map((score, i) => (i === at ? Number.NaN : score));
      expect(of({ metric: 'auc', class: 1 }, scores, [0, 0, 1, 1])).toBeNaN();
    }
  });

  it('does not go on without the scores of the batches before', () => {
    const before = comparing({ metric: 'auc', class: 1 })([1, 2], Int32Array.of(0, 1), NOTHING, false);
    expect(() => comparing({ metric: 'auc', class: 1 })([1, 2], Int32Array.of(0, 1), before, true)).toThrow('without');
  });
});

it('errors are means of squared or absolute differences', () => {
  for (const metric of ['error', 'mse']) expect(of({ metric }, [1, 5], [2, 2])).toBe(5);
  expect(of({ metric: 'mae' }, [1, 5], [2, 2])).toBe(2);
});
