/** Byte-pair vocabularies against their definition, and files of them that are none. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bytePairs } from '../../../runtime/data/formats/byte-pairs.ts';
import { LostText } from '../../../runtime/data/lost-text.ts';
import { openDataset } from '../../../runtime/data/open.ts';
import { bytePairVocabulary } from '../../../runtime/data/vocabulary.ts';
import { type RandomStream, stream } from '../../../spec/random.ts';
import { idsByDefinition, type TokenizerJson, tokenizerJson } from '../../support/tokenizer-json.ts';
import { temporaryFolder } from './fixtures.ts';

const TEXT = 'the cat and the other cat, then 10 more cats — naïve ones 😀\n'.repeat(4);
const json = tokenizerJson(TEXT, 40);
const bytesOf = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const pairs = await bytePairs('t.json', bytesOf(json));

/** Letters, blanks, joined pictures, marks and halves of words that the vocabulary has. */
const PARTS = [
  'the',
  ' cat',
  ' ',
  '\n',
  '\t',
  '  ',
  'é',
  'e\u0301',
  '😀',
  '👩‍👩‍👧',
  '漢字',
  "'ll",
  '12',
  '<|end|>',
  '<|',
  '\u200b',
  '½',
  'ZZ',
];
const drawn = (rng: RandomStream, from: number): string =>
  Array.from({ length: rng.bits(from) % 20 }, (_, i) => PARTS[rng.bits(from + 1 + i) % PARTS.length]).join('');

describe('a byte-pair vocabulary', () => {
  it('has the ids of its definition, merges in their order', () => {
    expect(pairs.idsOf(TEXT)).toEqual(idsByDefinition(json, TEXT));
    expect(pairs.idsOf(TEXT).length).toBeLessThan(TEXT.length / 2);
    const rng = stream(1, 'definition');
    for (let i = 0; i < 100; i++) {
      const text = drawn(rng, 100 * i).replaceAll('<|end|>', '');
      expect(pairs.idsOf(text)).toEqual(idsByDefinition(json, text));
    }
  });

  it('gives every text back, one id at a time, too, also behind a prompt', () => {
    const rng = stream(2, 'back');
    const vocabulary = bytePairVocabulary(pairs);
    for (let i = 0; i < 300; i++) {
      const [prompt, text] = [drawn(rng, 100 * i), drawn(rng, 100 * i + 50)];
      const ids = pairs.idsOf(text);
      expect(pairs.textOf(ids)).toBe(text);
      const pieces = ids.map(vocabulary.reader(pairs.idsOf(prompt)));
      expect(pieces.join('')).toBe(text);
    }
  });

  it('has its own tokens, reads them as one, and counts them', () => {
    expect(pairs.size).toBe(Object.keys(json.model.vocab).length + 1);
    expect(pairs.idsOf('a<|end|>')).toEqual([json.model.vocab.a, pairs.size - 1]);
    expect(pairs.idsOf('')).toEqual([]);
  });

  it('says bytes of no character after a while instead of waiting for ever', () => {
    const half = json.model.vocab.ð as number;
    const read = bytePairVocabulary(pairs).reader();
    expect(Array.from({ length: 20 }, () => read(half)).join('')).toContain('\uFFFD');
  });

  it('reads merges in both forms, and a text whose vocabulary begins it with a blank', async () => {
    const old = { ...json, model: { ...json.model, merges: json.model.merges.map((pair) => pair.join(' ')) } };
    expect((await bytePairs('old.json', bytesOf(old))).idsOf(TEXT)).toEqual(pairs.idsOf(TEXT));
    const split = { ...(json.pre_tokenizer as object), add_prefix_space: true };
    const blank = await bytePairs('blank.json', bytesOf({ ...json, pre_tokenizer: split }));
    expect(blank.textOf(blank.idsOf('cat'))).toBe(' cat');
    expect(blank.idsOf('cat').map(bytePairVocabulary(blank).reader()).join('')).toBe(' cat');
  });

  it('reads vocabularies that split nothing, mark blanks, and write other characters as bytes', async () => {
    const blank = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
    const bytes = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);
    const tokens = [...bytes, '▁', 't', 'h', 'e', 'th', '▁t', '▁th'];
    const marked = await bytePairs(
      'm.json',
      bytesOf({
        ...{ added_tokens: [], pre_tokenizer: null, post_processor: null },
        normalizer: { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, blank] },
        decoder: {
          type: 'Sequence',
          decoders: [
            { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
            { type: 'ByteFallback' },
            { type: 'Fuse' },
            { type: 'Strip', content: ' ', start: 1, stop: 0 },
          ],
        },
        model: {
          ...{ type: 'BPE', byte_fallback: true, vocab: Object.fromEntries(tokens.map((token, id) => [token, id])) },
          merges: ['t h', '▁ th', '▁ t'],
        },
      }),
    );
    expect(marked.idsOf('the  thé')).toEqual([262, 259, 256, 262, 0xc3, 0xa9]);
    const text = 'the  thé\n 😀 t';
    const [prompt, rest] = [marked.idsOf('the'), marked.idsOf(`the${text}`).slice(marked.idsOf('the').length)];
    expect(marked.textOf(marked.idsOf(text))).toBe(text);
    expect(rest.map(bytePairVocabulary(marked).reader(prompt)).join('')).toBe(text);
  });

  it('refuses a text with a character that no token has, and says which', async () => {
    const vocab = { a: 0, b: 1, ab: 2 };
    const none = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: { type: 'Fuse' } };
    const small = await bytePairs(
      's.json',
      bytesOf({ ...none, added_tokens: [], model: { type: 'BPE', vocab, merges: ['a b'] } }),
    );
    expect(small.idsOf('abba')).toEqual([2, 1, 0]);
    expect(() => small.idsOf('abxb')).toThrow(LostText);
    expect(() => small.idsOf('abxb')).toThrow('character 3 is lost: "xb" comes back from the vocabulary as "b"');
  });
});

const changed = (change: Partial<TokenizerJson>): unknown => ({ ...json, ...change });
const model = (change: object): unknown => changed({ model: { ...json.model, ...change } });

it.each<[string, unknown, string]>([
  ['no object', [1], 'model: it has no model'],
  ['another model', model({ type: 'WordPiece' }), 'model.type: it is "WordPiece", not BPE'],
  ['no tokens', model({ vocab: null }), 'model.vocab: it has no tokens'],
  ['no merges', model({ merges: undefined }), 'model.merges: it has no merges'],
  ['an id that is none', model({ vocab: { a: -1 } }), 'model.vocab "a": its id is -1'],
  ['an id that is too large', model({ vocab: { a: 1e12 } }), 'its id is 1000000000000'],
  ['an id of two tokens', model({ vocab: { a: 0, b: 0 } }), 'model.vocab "b": its id 0 is that of "a", too'],
  ['a merge of three', model({ merges: ['a b c'] }), 'model.merges 0: two tokens were expected, not "a b c"'],
  ['a merge of no token', model({ merges: [['a', '字']] }), 'model.merges 0: the vocabulary lacks "字"'],
  [
    'a merge to no token',
    model({ vocab: { a: 0, b: 1 }, merges: [['a', 'b']] }),
    'model.merges 0: the vocabulary lacks "ab"',
  ],
  ['a prefix', model({ continuing_subword_prefix: '##' }), 'marks what goes on by "##"'],
  ['no decoder', changed({ decoder: undefined }), 'decoder: it is missing'],
  ['an unknown decoder', changed({ decoder: { type: 'Magic' } }), 'its rules cannot be carried out'],
  [
    'a pattern that is none',
    changed({ pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' } }),
    'cannot be carried out',
  ],
  ['no added tokens', changed({ added_tokens: undefined }), 'added_tokens: it is missing'],
  ['an added token without a text', changed({ added_tokens: [{ id: 1 }] }), 'added_tokens 0: it has no id, or no text'],
  ['an added token with an id of another', changed({ added_tokens: [{ id: 0, content: 'x' }] }), 'its id 0 is that of'],
])('a file with %s is refused', async (_, value, words) => {
  await expect(bytePairs('t.json', bytesOf(value))).rejects.toMatchObject({
    code: 'data/format',
    message: expect.stringContaining(words),
  });
});

it('a file that is no JSON, or has a token twice, is refused', async () => {
  for (const [text, words] of [
    ['{"model"', 'this is not JSON'],
    ['{"model": {"vocab": {"a": 0, "a": 1}}}', '"a" is there twice'],
  ] as const)
    await expect(bytePairs('t.json', Buffer.from(text))).rejects.toMatchObject({
      message: expect.stringContaining(words),
    });
});

describe('a text of tokens', () => {
  const folder = temporaryFolder();
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'cats.txt');
  const tokenizer = join(folder, 'tokenizer.json');
  writeFileSync(path, TEXT);
  writeFileSync(tokenizer, bytesOf(json));
  const open = (options: Record<string, number | string>, split = 'train') =>
    openDataset({ source: 'text', split, path, options: { path, tokenizer, ...options } }, { seed: 1 });

  it('has windows of their ids, and the file for the run to keep', async () => {
    const ids = pairs.idsOf(TEXT);
    const data = await open({ window: 3 });
    const out = new Int32Array(6);
    data.gather('next', [0, 1], out);
    expect([...out]).toEqual(ids.slice(1, 7));
    expect(data.length).toBe(Math.floor((Math.floor(0.9 * ids.length) - 1) / 3));
    expect(data.classes).toBeUndefined();
    expect(data.vocabulary).toMatchObject({ sha256: pairs.file.sha256 });
  });

  it('says of tokens that there are too few, and that ids cannot be bytes at once', async () => {
    await expect(open({ window: 128 }, 'test')).rejects.toThrow(/has \d+ of \d+ tokens, fewer than a window of 128/);
    await expect(open({ unit: 'bytes' })).rejects.toMatchObject({ code: 'data/option' });
    await expect(open({ tokenizer: join(folder, 'none.json') })).rejects.toMatchObject({ code: 'data/missing' });
  });
});
