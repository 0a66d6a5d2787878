/** Text that goes on: what a model is asked, how ids are drawn, and what is refused. */
import { describe, expect, it } from 'vitest';
import { BYTES, characterVocabulary } from '../../../runtime/data/vocabulary.ts';
import { drawn, type TextModel, type Writing, writeText } from '../../../runtime/shard/write-text.ts';
import { stream } from '../../../spec/random.ts';

const CLASSES = 5;

/** Behind each id, the next one has by far the highest score. */
function counting(window: number, asked: number[][] = []): TextModel {
  return {
    window,
    classes: CLASSES,
    scores: async (text) => {
      asked.push([...text]);
      return [...text].flatMap((id) => Array.from({ length: CLASSES }, (_, c) => (c === (id + 1) % CLASSES ? 50 : 0)));
    },
  };
}

async function written(model: TextModel, some: Partial<Writing>): Promise<number[]> {
  const ids: number[] = [];
  for await (const id of writeText(model, { prompt: [0], tokens: 6, temperature: 1, seed: 1, ...some })) ids.push(id);
  return ids;
}

describe('writeText', () => {
  it('goes on from the last character, and moves the window once it is full', async () => {
    const asked: number[][] = [];
    expect(await written(counting(3, asked), { prompt: [3] })).toEqual([4, 0, 1, 2, 3, 4]);
    expect(asked.slice(2)).toEqual([
      [3, 0, 0],
      [3, 4, 0],
      [3, 4, 0],
      [4, 0, 1],
      [0, 1, 2],
      [1, 2, 3],
    ]);
  });

  it('takes the end of a prompt that is longer than the window', async () => {
    const asked: number[][] = [];
    await written(counting(2, asked), { prompt: [0, 1, 2, 3], tokens: 1 });
    expect(asked).toEqual([[2, 3]]);
  });

  it('refuses shares, of which another softmax would be nearly the same for all characters', async () => {
    const shares: TextModel = { window: 1, classes: 3, scores: async () => [0.9, 0.06, 0.04] };
    await expect(written(shares, {})).rejects.toMatchObject({ code: 'predict/text' });
    const scores: TextModel = { ...shares, scores: async () => [0.9, 0.06, 0.14] };
    expect(await written(scores, {})).toHaveLength(6);
  });

  it('refuses a model that looks ahead, unless the window is full', async () => {
    const ahead: TextModel = {
      window: 2,
      classes: 2,
      scores: async (text) => [...text].flatMap(() => [text[1] ?? 0, 0]),
    };
    await expect(written(ahead, {})).rejects.toMatchObject({ code: 'predict/prompt' });
    expect(await written(ahead, { prompt: [1, 0], tokens: 1, temperature: 0 })).toEqual([0]);
  });

  it('refuses scores that are not finite', async () => {
    const broken = { ...counting(1), scores: async () => [Number.NaN, 0, 0, 0, 0] };
    await expect(written(broken, {})).rejects.toMatchObject({ code: 'predict/not-finite' });
  });
});

describe('drawn', () => {
  it('draws each class as often as softmax of the scores over the temperature says', () => {
    const scores = [1, 0, 2];
    const temperature = 0.5;
    const rng = stream(3, 'test');
    const counts = [0, 0, 0];
    for (let i = 0; i < 20_000; i++) {
      const c = drawn(scores, temperature, rng, i);
      counts[c] = (counts[c] ?? 0) + 1;
    }
    const shares = scores.map((score) => Math.exp(score / temperature));
    const sum = shares.reduce((a, b) => a + b);
    for (const [c, share] of shares.entries()) expect((counts[c] ?? 0) / 20_000).toBeCloseTo(share / sum, 1.7);
  });

  it('takes the highest score at temperature 0', () => {
    expect(drawn([1, 3, 2], 0, stream(1, 'test'), 0)).toBe(1);
  });
});

describe('a vocabulary', () => {
  it('of characters reads what it writes, and names a character that it has not', () => {
    const vocabulary = characterVocabulary(['\n', 'a', '😀']);
    expect(vocabulary.idsOf('a😀\n')).toEqual([1, 2, 0]);
    expect([2, 0, 1].map(vocabulary.reader()).join('')).toBe('😀\na');
    expect(() => vocabulary.idsOf('ab')).toThrow('"b", is not among the 3');
  });

  it('of bytes gives a character once it is whole', () => {
    const read = BYTES.reader();
    expect(BYTES.idsOf('aé').map(read)).toEqual(['a', '', 'é']);
  });
});
