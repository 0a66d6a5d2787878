/** Syntax trees without spans and comments, to compare what was understood. */
import type { SourceFile } from '../../../compiler/1-syntax/ast.ts';

export function plain(ast: SourceFile): unknown {
  const copy: unknown = JSON.parse(
    JSON.stringify(ast, (key, value) => (key === 'span' || key === 'comments' ? undefined : value)),
  );
  return copy;
}
