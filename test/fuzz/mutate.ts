/** Seeded damage to texts: what typing, merging and broken disks do to files. */

/** Numbers in [0, 1) from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const TOKENS = /\/\/[^\n]*|"[^"\n]*"|[A-Za-z_]\w*|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|->|\.\.|[=!<>]=|\s+|[^\s\w]/g;
const SIGNS = [
  '{',
  '}',
  '(',
  ')',
  '[',
  ']',
  ',',
  ':',
  '.',
  '..',
  '->',
  '=',
  '==',
  '<',
  '*',
  '/',
  '-',
  '^',
  ';',
  '"',
  "'",
  '//',
  '///',
  '/*',
  '#',
  '\\',
];
const WORDS = [
  'model',
  'node',
  'link',
  'when',
  'where',
  'and',
  'not',
  'at',
  'of',
  'on',
  'along',
  'check',
  'import',
  'pcn',
  'x',
  '1',
  '1e999',
  '30Hz',
  '3Foo',
  '0..7',
];
const CHARACTERS = [
  '\u0000',
  '\ud800',
  '\udfff',
  '\u{1f600}',
  '\u00e4',
  '\u2192',
  '\u200b',
  '\ufeff',
  '\u202e',
  '\r',
  '\t',
  '\u2028',
  '\u0301',
  '\u{10ffff}',
];

type Rng = () => number;
type Mutation = (text: string, rng: Rng) => string;

function pick<T>(rng: Rng, from: readonly T[]): T | undefined {
  return from[Math.floor(rng() * from.length)];
}
function place(rng: Rng, text: string): number {
  return Math.floor(rng() * (text.length + 1));
}

/** Takes the tokens of a text (blanks too), changes the list, and joins them again. */
function onTokens(change: (tokens: string[], rng: Rng) => void): Mutation {
  return (text, rng) => {
    const tokens = text.match(TOKENS) ?? [];
    change(tokens, rng);
    return tokens.join('');
  };
}
function insertOneOf(words: readonly string[], around: string): Mutation {
  return (text, rng) => {
    const at = place(rng, text);
    return `${text.slice(0, at)}${around}${pick(rng, words) ?? ''}${around}${text.slice(at)}`;
  };
}

export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  deleteToken: onTokens((tokens, rng) => tokens.splice(Math.floor(rng() * tokens.length), 1)),
  duplicateToken: onTokens((tokens, rng) => {
    const at = Math.floor(rng() * tokens.length);
    tokens.splice(at, 0, tokens[at] ?? '');
  }),
  swapTokens: onTokens((tokens, rng) => {
    const a = Math.floor(rng() * tokens.length);
    const b = Math.floor(rng() * tokens.length);
    const kept = tokens[a] ?? '';
    tokens[a] = tokens[b] ?? '';
    tokens[b] = kept;
  }),
  insertSign: insertOneOf(SIGNS, ''),
  insertWord: insertOneOf(WORDS, ' '),
  insertCharacter: insertOneOf(CHARACTERS, ''),
  deleteCharacter: (text, rng) => {
    const at = place(rng, text);
    return text.slice(0, at) + text.slice(at + 1);
  },
  deleteStretch: (text, rng) => {
    const at = place(rng, text);
    return text.slice(0, at) + text.slice(at + Math.floor(rng() * 80));
  },
  duplicateStretch: (text, rng) => {
    const at = place(rng, text);
    return text.slice(0, at) + text.slice(Math.max(0, at - Math.floor(rng() * 200)));
  },
  truncate: (text, rng) => text.slice(0, place(rng, text)),
  joinLines: (text, rng) => {
    const at = text.indexOf('\n', place(rng, text));
    return at === -1 ? text : `${text.slice(0, at)} ${text.slice(at + 1)}`;
  },
  flipCharacter: (text, rng) => {
    const at = place(rng, text);
    const flipped = text.charCodeAt(at) ^ (1 << Math.floor(rng() * 8));
    return Number.isNaN(flipped) ? text : text.slice(0, at) + String.fromCharCode(flipped) + text.slice(at + 1);
  },
  repeatSign: (text, rng) => {
    const at = place(rng, text);
    return text.slice(0, at) + (pick(rng, SIGNS) ?? '').repeat(1 + Math.floor(rng() * 300)) + text.slice(at);
  },
};

/** The text with one to six kinds of damage, the same for the same seed. */
export function mutate(text: string, seed: number): string {
  const rng = seeded(seed);
  const names = Object.keys(MUTATIONS);
  let result = text;
  const rounds = 1 + Math.floor(rng() * 6);
  for (let i = 0; i < rounds; i++) {
    const mutation = MUTATIONS[pick(rng, names) ?? ''];
    if (mutation !== undefined) result = mutation(result, rng);
  }
  return result;
}
