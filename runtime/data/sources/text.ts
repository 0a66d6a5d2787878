/** `data.text("file", window = 128)`: windows of a text, divided by position into what trains, validates and tests. */
import { createHash } from 'node:crypto';
import { boundedCount, MAX_ELEMENTS } from '../../support/bounded.ts';
import { UserError } from '../../support/errors.ts';
import { checkGather, type Dataset, type Field } from '../dataset.ts';
import { badData } from '../formats/bad-data.ts';
import { readBytePairs } from '../formats/byte-pairs.ts';
import { MAX_TEXT_BYTES, readBytes } from '../formats/bytes.ts';
import { characters, decoded, type Tokens } from '../formats/characters.ts';
import { LostText } from '../lost-text.ts';

export interface TextOptions {
  /** `tiny.txt`, for messages. */
  readonly name: string;
  /** `train`, `validation` or `test`. */
  readonly split: string;
  /** Characters, bytes or tokens of a sample. */
  readonly window: number;
  /** Characters from the beginning of a sample to that of the next. */
  readonly stride: number;
  readonly unit: 'characters' | 'bytes';
  /** Path of a `tokenizer.json`: ids are of its tokens. */
  readonly tokenizer?: string;
}

/** Shares of the text, one behind the other, at which the parts end. */
const ENDS = { train: 0.9, validation: 0.95, test: 1 } as const;
const BEGINS = { train: 0, validation: ENDS.train, test: ENDS.validation } as const;

/** @throws UserError `data/missing`, `data/format`, `data/too-large`, `data/too-small` */
export async function openText(path: string, options: TextOptions): Promise<Dataset> {
  const { unit, tokenizer } = options;
  const bytes = await readBytes(path, unit === 'characters' ? { limit: MAX_TEXT_BYTES } : {});
  if (bytes.length === 0) throw badData(path, '', 'the file is empty');
  if (tokenizer !== undefined) return windows(path, await pairsOf(path, bytes, tokenizer), options);
  return windows(path, unit === 'bytes' ? { ids: bytes } : characters(path, bytes), options);
}

/** The parts of a text are opened one after the other, and to find its ids takes seconds for each megabyte. */
let last: { readonly key: string; readonly tokens: Tokens } | undefined;

/** The whole text at once: a token may be of characters on both sides of any place. */
async function pairsOf(path: string, bytes: Uint8Array, tokenizer: string): Promise<Tokens> {
  const text = decoded(path, bytes, 'tokens');
  const { idsOf, file } = await readBytePairs(tokenizer);
  const key = `${createHash('sha256').update(bytes).digest('hex')} ${file.sha256}`;
  if (last?.key === key) return last.tokens;
  try {
    const tokens = { ids: Int32Array.from(idsOf(text)), file };
    last = { key, tokens };
    return tokens;
  } catch (error) {
    if (!(error instanceof LostText)) throw error;
    throw badData(path, '', error.message, `take it out of the text, or another vocabulary than ${tokenizer}`);
  }
}

/** Sample i has the characters of a window, `text`, and those one further on, `next`; a rest at the end is left out. */
function windows(path: string, { ids, vocabulary, file }: Tokens, options: TextOptions): Dataset {
  const { name, window, stride } = options;
  const unit = file ? 'tokens' : options.unit;
  const split = options.split as keyof typeof ENDS;
  const from = Math.floor(BEGINS[split] * ids.length);
  const part = ids.subarray(from, Math.floor(ENDS[split] * ids.length));
  if (part.length < window + 1)
    throw new UserError(
      'data/too-small',
      `${path}: its part \`${split}\` has ${part.length} of ${ids.length} ${unit}, fewer than a window of ${window} and the one behind it`,
      `take a smaller window, or a text of at least ${shortest(window)} ${unit}`,
    );
  const samples = boundedCount(Math.floor((part.length - 1 - window) / stride) + 1, MAX_ELEMENTS, 'windows');
  const fields: readonly Field[] = ['text', 'next'].map((field) => ({ name: field, type: 'i32', shape: [window] }));
  return {
    name: `${name}.${split}`,
    length: samples,
    fields,
    origin: path,
    ...(vocabulary ? { classes: { text: vocabulary, next: vocabulary } } : {}),
    ...(file ? { vocabulary: file } : {}),
    gather(name, indices, out) {
      const field = fields.find((f) => f.name === name);
      if (!field) throw new RangeError(`${path} has no field ${name}`);
      checkGather(field, indices.length, out);
      const shift = name === 'next' ? 1 : 0;
      for (let k = 0; k < indices.length; k++) {
        const index = indices[k] as number;
        if (!(index >= 0 && index < samples)) throw new RangeError(`row ${index} of ${samples}`);
        const begin = index * stride + shift;
        out.set(part.subarray(begin, begin + window), k * window);
      }
    },
  };
}

/** Characters of a text whose smallest parts have a window each. */
const shortest = (window: number): number => Math.ceil((window + 2) / (ENDS.test - ENDS.validation));
