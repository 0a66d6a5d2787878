/** `nmc fmt`: one canonical form of every file, with its comments where they were. */
import { hasErrors, type Result } from '../diagnostics/diagnostic.ts';
import { sourceLayout } from './layout.ts';
import { parse } from './parse.ts';
import { print } from './text.ts';

/**
 * The text in canonical form; formatting that again changes nothing, and it parses to the same tree. A text with
 * syntax errors has no canonical form: the value is undefined and the diagnostics say why.
 */
export function format(text: string, file: string): Result<string> {
  const { value, diagnostics } = parse(text, file);
  if (value === undefined || hasErrors(diagnostics)) return { value: undefined, diagnostics };
  return { value: print(value, sourceLayout(text, value)), diagnostics };
}
