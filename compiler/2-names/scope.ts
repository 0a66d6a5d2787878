/** Resolves names before anything is evaluated: enough to know that each of them points somewhere. */
import type { Definition, ModelStatement, Name, Predict } from '../1-syntax/ast.ts';
import type { Span } from '../diagnostics/diagnostic.ts';
import type { Module } from './program.ts';

export type Meaning =
  /** Parameters, weights, built-in words, whole samples: nothing inside that could be checked here. */
  | { readonly kind: 'value'; readonly span?: Span }
  | { readonly kind: 'node'; readonly span: Span }
  /** An instance of a cluster; without a definition when what it is could not be resolved. */
  | { readonly kind: 'cluster'; readonly definition?: Definition; readonly module?: Module; readonly span: Span }
  | { readonly kind: 'definition'; readonly definition: Definition; readonly module: Module }
  | { readonly kind: 'module'; readonly module: Module }
  | { readonly kind: 'task'; readonly task: Predict }
  /** After a mistake: silent. */
  | { readonly kind: 'unknown' };

export interface Scope {
  readonly names: ReadonlyMap<string, Meaning>;
  readonly parent?: Scope;
  readonly module: Module;
}

export const VALUE: Meaning = { kind: 'value' };
export const UNKNOWN: Meaning = { kind: 'unknown' };

export function within(parent: Scope, names: ReadonlyMap<string, Meaning>): Scope {
  return { names, parent, module: parent.module };
}

/** The file's own definitions and imports. */
export function moduleScope(module: Module): Scope {
  const names = new Map<string, Meaning>();
  for (const [name, imported] of module.imports) names.set(name, { kind: 'module', module: imported });
  // An import that failed was reported where it stands.
  for (const line of module.source.imports) if (!names.has(line.name.text)) names.set(line.name.text, UNKNOWN);
  for (const [name, definition] of module.definitions) names.set(name, { kind: 'definition', definition, module });
  return { names, module };
}

export function find(scope: Scope, name: string): Meaning | undefined {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
    const found = at.names.get(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Every name that a scope sees, for suggestions. */
export function visible(scope: Scope): string[] {
  const names: string[] = [];
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) names.push(...at.names.keys());
  return names;
}

/** Names that a body exposes. */
export function exposedBy(body: readonly ModelStatement[]): Name[] {
  return body.flatMap((statement) => (statement.kind === 'expose' ? statement.names : []));
}

/** The statement in a body that declares a node or a cluster of this name. */
export function declaredIn(
  body: readonly ModelStatement[],
  name: string,
): Extract<ModelStatement, { kind: 'node' | 'cluster' }> | undefined {
  for (const statement of body)
    if ((statement.kind === 'node' || statement.kind === 'cluster') && statement.name.text === name) return statement;
  return undefined;
}
