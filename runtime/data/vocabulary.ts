/** Ids of text, and text of ids, as a run's training had them. */
import type { BytePairs } from './formats/byte-pairs.ts';
import { LostText } from './lost-text.ts';

export interface Vocabulary {
  readonly size: number;
  /** @throws LostText naming the character that the vocabulary has not */
  idsOf(text: string): number[];
  /**
   * Begins a text behind the ids of a prompt: each id gives what is whole with it, an unfinished character of bytes
   * nothing yet.
   */
  reader(prompt?: readonly number[]): (id: number) => string;
}

/** @param characters in the order of their ids */
export function characterVocabulary(characters: readonly string[]): Vocabulary {
  const idOf = new Map(characters.map((character, id) => [character, id]));
  return {
    size: characters.length,
    idsOf: (text) =>
      [...text].map((character, i) => {
        const id = idOf.get(character);
        if (id !== undefined) return id;
        throw new LostText(
          `character ${i + 1}, ${JSON.stringify(character)}, is not among the ${characters.length} of the training text`,
          `it has ${shown(characters)}`,
        );
      }),
    reader: () => (id) => characters[id] ?? '',
  };
}

/** Ids are bytes of UTF-8. */
export const BYTES: Vocabulary = {
  size: 256,
  idsOf: (text) => [...Buffer.from(text, 'utf8')],
  reader: () => {
    const decoder = new TextDecoder();
    return (id) => decoder.decode(Uint8Array.of(id), { stream: true });
  },
};

export function bytePairVocabulary({ size, idsOf, textOf }: BytePairs): Vocabulary {
  return {
    size,
    idsOf,
    reader: (prompt = []) => pairReader(textOf, prompt),
  };
}

/** So many ids in front of a new one decide how it is put behind them: a character has at most four bytes. */
const CONTEXT = 4;
/** So many bytes without a character among them never become one. */
const MAX_WAITING = 8;

/** Text is what ids give together less what those before give: some vocabularies begin a text without its first blank. */
function pairReader(textOf: BytePairs['textOf'], prompt: readonly number[]): (id: number) => string {
  let ids = prompt.slice(-CONTEXT);
  let told = ids.length;
  return (id) => {
    ids.push(id);
    const [before, now] = [textOf(ids.slice(0, told)), textOf(ids)];
    if (now.endsWith('\uFFFD') && ids.length - told < MAX_WAITING) return '';
    ids = ids.slice(Math.max(0, told - CONTEXT));
    told = ids.length;
    return now.slice(before.length);
  };
}

const MAX_SHOWN = 100;

function shown(characters: readonly string[]): string {
  const some = characters.slice(0, MAX_SHOWN).join('');
  return `${JSON.stringify(some)}${characters.length > MAX_SHOWN ? ' and others' : ''}`;
}
