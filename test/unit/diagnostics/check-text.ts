/** The front end as the error cases use it. */
import { parse } from '../../../compiler/1-syntax/parse.ts';
import type { Diagnostic } from '../../../compiler/diagnostics/diagnostic.ts';

export interface Checked {
  readonly diagnostics: readonly Diagnostic[];
  /** Texts of the files that diagnostics point into. */
  readonly textOf: (file: string) => string | undefined;
}

/**
 * @param _path where the text lies, for its imports
 * @param name how messages call the file
 */
export async function checkText(text: string, _path: string, name: string): Promise<Checked> {
  const { diagnostics } = parse(text, name);
  return { diagnostics, textOf: (file) => (file === name ? text : undefined) };
}
