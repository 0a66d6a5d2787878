/** Small byte-pair vocabularies, learnt from a text and written as Hugging Face's tokenizers write them. */

/** How GPT-2 splits a text into words before it joins bytes. */
const WORDS = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** A letter for each byte: those that can be seen stand for themselves, the others for letters from U+0100 on. */
const LETTERS: readonly string[] = (() => {
  const seen = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  let unseen = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(seen(byte) ? byte : 256 + unseen++));
})();

function wordsOf(text: string): string[][] {
  return (text.match(WORDS) ?? []).map((word) => [...Buffer.from(word, 'utf8')].map((byte) => LETTERS[byte] ?? ''));
}

function joined(word: readonly string[], [a, b]: readonly [string, string]): string[] {
  const out: string[] = [];
  for (let i = 0; i < word.length; i++) {
    const isPair = word[i] === a && word[i + 1] === b;
    out.push(isPair ? a + b : (word[i] ?? ''));
    if (isPair) i++;
  }
  return out;
}

/** Pairs in the order in which they are joined: each time the one that is there most often. */
function learnt(text: string, count: number): [string, string][] {
  let words = wordsOf(text);
  const merges: [string, string][] = [];
  while (merges.length < count) {
    const counts = new Map<string, number>();
    for (const word of words)
      for (let i = 0; i + 1 < word.length; i++) {
        const pair = `${word[i]} ${word[i + 1]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    const [best] = [...counts].sort(([p, m], [q, n]) => n - m || (p < q ? -1 : 1))[0] ?? [];
    if (best === undefined) break;
    const merge = best.split(' ') as [string, string];
    merges.push(merge);
    words = words.map((word) => joined(word, merge));
  }
  return merges;
}

export interface TokenizerJson {
  readonly model: {
    readonly type: 'BPE';
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly [string, string][];
  };
  readonly [part: string]: unknown;
}

/** All 256 bytes, then `merges` pairs at most, then one token that ends a text. */
export function tokenizerJson(text: string, merges: number): TokenizerJson {
  const pairs = learnt(text, merges);
  const tokens = [...new Set([...LETTERS, ...pairs.map(([a, b]) => a + b)])];
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    ...{ version: '1.0', truncation: null, padding: null, normalizer: null },
    added_tokens: [
      { id: tokens.length, content: '<|end|>', special: true, normalized: false, lstrip: false, rstrip: false },
    ],
    ...{ pre_tokenizer: byteLevel, post_processor: byteLevel, decoder: byteLevel },
    model: { type: 'BPE', vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges: pairs },
  };
}

/** The ids of a text by the definition: the pair that was learnt first is joined first, wherever it stands. */
export function idsByDefinition({ model: { vocab, merges } }: TokenizerJson, text: string): number[] {
  return wordsOf(text).flatMap((letters) => {
    let word = letters;
    for (const merge of merges) word = joined(word, merge);
    return word.map((token) => vocab[token] ?? -1);
  });
}
