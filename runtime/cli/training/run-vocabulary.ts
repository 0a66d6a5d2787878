/** The vocabulary that a run keeps for a field of text: characters, tokens of a file, or bytes where it keeps none. */
import { readBytePairs } from '../../data/formats/byte-pairs.ts';
import { BYTES, bytePairVocabulary, characterVocabulary, type Vocabulary } from '../../data/vocabulary.ts';
import type { Run } from '../../store/run-folder.ts';
import { UserError } from '../../support/errors.ts';
import { keptVocabulary, storedClasses, storedDataRecord } from './training-data.ts';

export interface RunVocabulary {
  readonly unit: 'characters' | 'tokens' | 'bytes';
  readonly vocabulary: Vocabulary;
}

/** @throws UserError `data/missing`, `data/format`, `data/changed` where the run's file of tokens is another one now */
export async function runVocabulary(
  { directory, config }: Pick<Run, 'directory' | 'config'>,
  field: string,
): Promise<RunVocabulary> {
  const path = keptVocabulary(directory, config);
  if (path === undefined) {
    const characters = storedClasses(config)?.[field];
    if (!characters) return { unit: 'bytes', vocabulary: BYTES };
    return { unit: 'characters', vocabulary: characterVocabulary(characters) };
  }
  const pairs = await readBytePairs(path);
  if (pairs.file.sha256 === storedDataRecord(config.settings.trainedOn)?.vocabulary?.sha256)
    return { unit: 'tokens', vocabulary: bytePairVocabulary(pairs) };
  throw new UserError(
    'data/changed',
    `${path} is another vocabulary than the run was trained with`,
    'put the file back as it was: the run began with it',
  );
}
