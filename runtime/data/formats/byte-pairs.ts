/**
 * A byte-pair vocabulary (Sennrich, Haddow and Birch 2016) as Hugging Face's libraries write it: a `tokenizer.json` with
 * the tokens, the merges in their order, and how a text is split before and put together behind them.
 */

import { createHash } from 'node:crypto';
import type { Tokenizer } from '@huggingface/tokenizers';
import { reasonOf } from '../../../spec/reason-of.ts';
import { findDuplicateKey } from '../../support/duplicate-keys.ts';
import { isObject } from '../../support/is-object.ts';
import { LostText } from '../lost-text.ts';
import type { VocabularyFile } from '../vocabulary-file.ts';
import { badData } from './bad-data.ts';
import { readBytes } from './bytes.ts';

/** Of the file; those of the largest models have a fifth of it. */
const MAX_BYTES = 128 * 1024 ** 2;
/** Different tokens. */
const MAX_TOKENS = 2 ** 20;

export interface BytePairs {
  readonly file: VocabularyFile;
  /** Different ids: one more than the largest. */
  readonly size: number;
  /** No token is added before or behind the text. @throws LostText where the text does not come back from its ids */
  idsOf(text: string): number[];
  textOf(ids: readonly number[]): string;
}

/** @throws UserError `data/missing`, `data/format`, `data/too-large` */
export async function readBytePairs(path: string): Promise<BytePairs> {
  return bytePairs(path, await readBytes(path, { limit: MAX_BYTES }));
}

/** @param path for messages. @throws UserError `data/format` */
export async function bytePairs(path: string, content: Uint8Array): Promise<BytePairs> {
  const parsed = jsonOf(path, content);
  const problem = vocabularyProblem(parsed);
  if (problem !== undefined) throw badData(path, problem.place, problem.what, REPAIR);
  const { Tokenizer } = await import('@huggingface/tokenizers');
  let tokenizer: Tokenizer;
  try {
    tokenizer = new Tokenizer(parsed as object, {});
    // Rules that cannot be carried out fail at the first text.
    const [known = 0] = idsIn(parsed as TokenizerJson);
    tokenizer.decode([...tokenizer.encode('a b', PLAIN).ids.filter(Number.isInteger), known], KEPT);
  } catch (error) {
    throw badData(path, '', `its rules cannot be carried out (${reasonOf(error)})`, REPAIR);
  }
  const largest = idsIn(parsed as TokenizerJson).reduce((most, id) => Math.max(most, id), -1);
  const file = { sha256: createHash('sha256').update(content).digest('hex'), content };
  const textOf = (ids: readonly number[]): string => (ids.length === 0 ? '' : tokenizer.decode([...ids], KEPT));
  return {
    file,
    size: largest + 1,
    textOf,
    idsOf(text) {
      const { ids } = tokenizer.encode(text, PLAIN);
      const known = ids.filter(Number.isInteger);
      const back = textOf(known);
      if (known.length < ids.length || !comesBack(tokenizer, text, back)) throw lostIn(text, back);
      return ids;
    },
  };
}

const REPAIR = 'name a tokenizer.json of a byte-pair vocabulary (BPE), as `save` of the tokenizers library writes it';
const PLAIN = { add_special_tokens: false } as const;
const KEPT = { skip_special_tokens: false, clean_up_tokenization_spaces: false } as const;

/** As it was, with a blank before it, or as the vocabulary itself changes texts (to small letters, for example). */
function comesBack({ normalizer }: Tokenizer, text: string, back: string): boolean {
  return back === text || back === ` ${text}` || (normalizer !== null && back === normalizer.normalize(text));
}

function lostIn(text: string, back: string): LostText {
  const at = firstDifference(text, back);
  const [was, is] = [text, back].map((all) => JSON.stringify([...all.slice(at, at + 40)].slice(0, 10).join('')));
  return new LostText(
    `character ${at + 1} is lost: ${was} comes back from the vocabulary as ${is}`,
    'leave it out, or write it in another way',
  );
}

function firstDifference(text: string, back: string): number {
  let at = 0;
  while (at < text.length && text[at] === back[at]) at++;
  return at;
}

interface TokenizerJson {
  readonly model: { readonly vocab: Readonly<Record<string, number>>; readonly merges: readonly unknown[] };
  readonly added_tokens?: readonly { readonly id: number; readonly content: string }[];
}

function jsonOf(path: string, content: Uint8Array): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(content);
    const parsed: unknown = JSON.parse(text);
    const twice = findDuplicateKey(text);
    if (twice === undefined) return parsed;
    throw new Error(`${JSON.stringify(twice)} is there twice`);
  } catch (error) {
    throw badData(path, '', `this is not JSON (${reasonOf(error)})`, REPAIR);
  }
}

interface Problem {
  readonly place: string;
  readonly what: string;
}

/** What the library would not notice: it takes what it finds. */
function vocabularyProblem(json: unknown): Problem | undefined {
  if (!isObject(json) || !isObject(json.model)) return { place: 'model', what: 'it has no model of a vocabulary' };
  const { type = 'BPE', vocab, merges, continuing_subword_prefix: prefix } = json.model;
  if (type !== 'BPE') return { place: 'model.type', what: `it is ${shown(type)}, not BPE` };
  if (!isObject(vocab)) return { place: 'model.vocab', what: 'it has no tokens' };
  if (!Array.isArray(merges)) return { place: 'model.merges', what: 'it has no merges' };
  if (prefix) return { place: 'model', what: `it marks what goes on by ${shown(prefix)}, which is not read` };
  for (const part of ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder'])
    if (json[part] !== null && !isObject(json[part])) return { place: part, what: 'it is missing, or no rule' };
  return tokensProblem(vocab, json.added_tokens) ?? mergesProblem(vocab, merges);
}

function tokensProblem(vocab: Readonly<Record<string, unknown>>, added: unknown): Problem | undefined {
  const tokenOf = new Map<unknown, string>();
  for (const [token, id] of Object.entries(vocab)) {
    const place = `model.vocab ${shown(token)}`;
    if (!isId(id)) return { place, what: `its id is ${shown(id)}` };
    if (tokenOf.has(id)) return { place, what: `its id ${id} is that of ${shown(tokenOf.get(id))}, too` };
    tokenOf.set(id, token);
  }
  if (!Array.isArray(added)) return { place: 'added_tokens', what: 'it is missing, or no list' };
  for (const [i, token] of added.entries()) {
    const place = `added_tokens ${i}`;
    if (!isObject(token) || !isId(token.id) || typeof token.content !== 'string' || token.content === '')
      return { place, what: 'it has no id, or no text' };
    if ((tokenOf.get(token.id) ?? token.content) !== token.content)
      return { place, what: `its id ${token.id} is that of ${shown(tokenOf.get(token.id))}, too` };
    tokenOf.set(token.id, token.content);
  }
  return tokenOf.size === 0 ? { place: 'model.vocab', what: 'it has no tokens' } : undefined;
}

/** Each of two tokens, whose text together is a token. */
function mergesProblem(vocab: Readonly<Record<string, unknown>>, merges: readonly unknown[]): Problem | undefined {
  const isToken = (token: unknown): boolean => typeof token === 'string' && Object.hasOwn(vocab, token);
  for (const [i, merge] of merges.entries()) {
    const pair: unknown = typeof merge === 'string' ? merge.split(' ') : merge;
    const place = `model.merges ${i}`;
    if (!Array.isArray(pair) || pair.length !== 2 || typeof merge !== typeof merges[0])
      return { place, what: `two tokens were expected, not ${shown(merge)}` };
    const lacking = [...pair, pair.join('')].find((token) => !isToken(token));
    if (lacking !== undefined) return { place, what: `the vocabulary lacks ${shown(lacking)}` };
  }
  return undefined;
}

function idsIn({ model, added_tokens: added = [] }: TokenizerJson): number[] {
  return [...Object.values(model.vocab), ...added.map((token) => token.id)];
}

function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < MAX_TOKENS;
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? 'missing').slice(0, 60);
}
