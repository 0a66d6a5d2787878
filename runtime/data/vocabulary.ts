/** Ids of text, and text of ids, as a run's training had them. */
import { UserError } from '../support/errors.ts';

export interface Vocabulary {
  readonly size: number;
  /** @throws UserError `predict/prompt` naming the character that training had not */
  idsOf(text: string): number[];
  /** Begins a text: each id gives what is whole with it, an unfinished character of bytes nothing yet. */
  reader(): (id: number) => string;
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
        throw new UserError(
          'predict/prompt',
          `character ${i + 1} of the prompt, ${JSON.stringify(character)}, is not among the ${characters.length} of the training text`,
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

const MAX_SHOWN = 100;

function shown(characters: readonly string[]): string {
  const some = characters.slice(0, MAX_SHOWN).join('');
  return `${JSON.stringify(some)}${characters.length > MAX_SHOWN ? ' and others' : ''}`;
}
