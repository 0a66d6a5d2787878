/** Parts of declarations and statements, for walks that do not care which kind they have. */
import type { Span } from '../diagnostics/diagnostic.ts';
import type { Declaration, DefinitionStatement, Expression, IndexItem, ModelStatement, TaskStatement } from './ast.ts';

export type Statement = ModelStatement | TaskStatement | DefinitionStatement;

export function bodyOf(declaration: Declaration): readonly Statement[] {
  if (declaration.kind === 'check') return [];
  if (declaration.kind !== 'definition') return declaration.body;
  return declaration.what === 'cluster' ? declaration.body : (declaration.rules ?? []);
}

/** Where the last named part before the `{` ends; brackets may follow. */
export function headEnd(declaration: Declaration): number {
  if (declaration.kind === 'check') return declaration.span.end;
  if (declaration.kind === 'definition') return (declaration.parameters.at(-1) ?? declaration.name).span.end;
  if (declaration.kind === 'model') return declaration.name.span.end;
  const on: { readonly span: Span } | undefined = declaration.kind === 'schedule' ? undefined : declaration.on;
  return (on ?? declaration.model).span.end;
}

/** The expressions of one statement (or of a declaration's head) whose brackets may be broken into lines. */
export function innerExpressions(owner: object): readonly Expression[] {
  const one = owner as Partial<Readonly<Record<'value' | 'init' | 'default' | 'condition' | 'on', Expression>>>;
  return [one.value, one.init, one.default, one.condition, one.on].filter((value) => value !== undefined);
}

/** The expressions directly inside one, in the order in which they are written. */
export function operandsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'number':
    case 'string':
    case 'name':
      return [];
    case 'member':
      return [expression.of];
    case 'index':
      return [expression.of, ...expression.items.flatMap(boundsOf)];
    case 'call':
      return [expression.callee, ...expression.arguments.map(({ value }) => value)];
    case 'unary':
      return [expression.operand];
    case 'binary':
      return [expression.left, expression.right];
    case 'list':
      return expression.items;
  }
}

function boundsOf(item: IndexItem): readonly Expression[] {
  if (item.kind === 'at') return [item.value];
  return item.kind === 'range' ? [item.from, item.to] : [];
}
