/** Text as whole numbers: its characters in the order of their code points, or its bytes. */
import { ofPresent, zeroed, zeroedBytes } from '../../support/bounded.ts';
import type { VocabularyFile } from '../vocabulary-file.ts';
import { badData } from './bad-data.ts';

export interface Tokens {
  /** One for each character, byte or token. */
  readonly ids: Uint8Array | Uint16Array | Int32Array;
  /** The character that each id stands for; absent: ids are bytes, or of a file. */
  readonly vocabulary?: readonly string[];
  readonly file?: VocabularyFile;
}

/** Ids are kept in two bytes. */
const MAX_VOCABULARY = 2 ** 16;

/**
 * Characters are Unicode code points; of those that occur, the first in the order of code points has id 0.
 * @throws UserError `data/format` where the bytes are not text in UTF-8
 */
export function characters(path: string, bytes: Uint8Array): Tokens {
  const text = decoded(path, bytes);
  const found = new Set<number>();
  let length = 0;
  for (let i = 0; i < text.length; length++) {
    const point = text.codePointAt(i) as number;
    found.add(point);
    i += point > 0xffff ? 2 : 1;
  }
  const points = [...found].sort((a, b) => a - b);
  if (points.length > MAX_VOCABULARY)
    throw badData(path, '', `${points.length} different characters, at most ${MAX_VOCABULARY} are told apart`, BYTES);
  const idOf = new Map(points.map((point, id) => [point, id]));
  const ids = points.length <= 256 ? zeroedBytes(ofPresent(length)) : zeroed(Uint16Array, ofPresent(length));
  for (let i = 0, k = 0; i < text.length; k++) {
    const point = text.codePointAt(i) as number;
    ids[k] = idOf.get(point) as number;
    i += point > 0xffff ? 2 : 1;
  }
  return { ids, vocabulary: points.map((point) => String.fromCodePoint(point)) };
}

const BYTES = 'read it as bytes: `unit = bytes`';
const UTF_8 = 'write it in UTF-8';

/** The text of a file. @throws UserError `data/format` */
export function decoded(path: string, bytes: Uint8Array, unit: 'characters' | 'tokens' = 'characters'): string {
  const repair = unit === 'tokens' ? UTF_8 : BYTES;
  const zero = bytes.indexOf(0);
  if (zero >= 0) throw badData(path, `byte ${zero}`, 'a zero byte, which text does not have', repair);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw badData(path, `byte ${firstWrong(bytes)}`, 'this is not UTF-8', repair);
  }
}

/** Where the longest beginning ends that is text. */
function firstWrong(bytes: Uint8Array): number {
  let [good, bad] = [0, bytes.length];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isBeginning(bytes.subarray(0, middle))) good = middle;
    else bad = middle;
  }
  return good;
}

function isBeginning(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
