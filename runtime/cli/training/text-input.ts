/** `nmc predict RUN --input x.txt` of a run that was trained on texts: windows of the file in ids of the run's vocabulary. */
import type { Plan, PlanPrediction } from '../../../spec/plan.ts';
import { type Field, memoryDataset, sizeOf } from '../../data/dataset.ts';
import { badData } from '../../data/formats/bad-data.ts';
import { MAX_TEXT_BYTES, readBytes } from '../../data/formats/bytes.ts';
import { decoded } from '../../data/formats/characters.ts';
import { LostText } from '../../data/lost-text.ts';
import type { Input } from '../../data/read-input.ts';
import { isText } from '../../data/sources/file.ts';
import type { Run } from '../../store/run-folder.ts';
import { wholeFields } from '../../training/steps.ts';
import { type RunVocabulary, runVocabulary } from './run-vocabulary.ts';

/** Sets whose samples are windows of a text. */
const TEXTS: ReadonlySet<string> = new Set(['text', 'shakespeare']);

export interface TextInput extends Input {
  /** What does not fill a last window, in words; absent: nothing. */
  readonly rest?: string;
}

/** Whether a file is a text whose characters, tokens or bytes a task reads as training did. */
export function isTextOfRun(path: string, { training }: Plan, { inputs }: PlanPrediction): boolean {
  const ofText = ({ name, type }: Pick<Field, 'name' | 'type'>): boolean =>
    type === 'i32' && (name === 'text' || name === 'next');
  return isText(path) && TEXTS.has(training?.data.source ?? '') && inputs.length > 0 && inputs.every(ofText);
}

/**
 * One window behind the other; a rest at the end is left out.
 * @throws UserError `data/missing`, `data/format` for a character that the vocabulary has not and for less than a window
 */
export async function textInput(run: Run, { inputs }: PlanPrediction, path: string): Promise<TextInput> {
  const fields: readonly Field[] = wholeFields(inputs);
  const window = Math.max(...fields.map(sizeOf));
  const found = await runVocabulary(run, 'text');
  const ids = await idsIn(path, found);
  const behind = fields.some(({ name }) => name === 'next') ? 1 : 0;
  const rows = Math.floor((ids.length - behind) / window);
  if (rows < 1)
    throw badData(
      path,
      '',
      `${ids.length} ${found.unit} are fewer than a window of ${window}${behind > 0 ? ' and the one behind it' : ''}`,
      'give a longer text, or go on from a short one: --prompt TEXT',
    );
  const columns = fields.map((field) => {
    const from = field.name === 'next' ? 1 : 0;
    return { field, data: ids.subarray(from, from + rows * window) };
  });
  const left = ids.length - behind - rows * window;
  return {
    dataset: memoryDataset(path, path, columns),
    names: Array.from({ length: rows }, (_, row) => String(row + 1)),
    ...(left > 0
      ? { rest: `the last ${left} of ${ids.length} ${found.unit} of ${path} do not fill a window of ${window}` }
      : {}),
  };
}

async function idsIn(path: string, { unit, vocabulary }: RunVocabulary): Promise<Int32Array<ArrayBuffer>> {
  const bytes = await readBytes(path, { limit: MAX_TEXT_BYTES });
  if (unit === 'bytes') return Int32Array.from(bytes);
  try {
    return Int32Array.from(vocabulary.idsOf(decoded(path, bytes, 'tokens')));
  } catch (error) {
    if (error instanceof LostText) throw badData(path, '', error.message, error.repair);
    throw error;
  }
}
