/** A file of tokens, as a run keeps it. */

export interface VocabularyFile {
  readonly sha256: string;
  readonly content: Uint8Array;
}

/** Name of the file in a run. */
export const KEPT_VOCABULARY = 'tokenizer.json';
