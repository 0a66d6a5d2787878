/** A file with everything it imports. */
import type { Definition, SourceFile } from '../1-syntax/ast.ts';

export interface Module {
  /** As the host knows it: `std:nodes.pcn`, `models/column.pcn`. */
  readonly file: string;
  /** Last segment of the import path: `nodes`. */
  readonly name: string;
  readonly standard: boolean;
  readonly source: SourceFile;
  /** By the name that the file uses. */
  readonly imports: ReadonlyMap<string, Module>;
  readonly definitions: ReadonlyMap<string, Definition>;
}

export interface Program {
  readonly entry: Module;
  /** Imported modules stand before those that import them. */
  readonly modules: readonly Module[];
  readonly texts: ReadonlyMap<string, string>;
  /** The module in which a definition was written. */
  readonly homes: ReadonlyMap<Definition, Module>;
  /** Modules of the standard library that the checker itself needs, by name: `nodes`, `learn`. */
  readonly standard: ReadonlyMap<string, Module>;
}

/** `learn.adamw`: how a definition is named in messages and in what checking produces. */
export function qualifiedName(program: Program, definition: Definition): string {
  const home = program.homes.get(definition);
  if (home === undefined || home === program.entry) return definition.name.text;
  return `${home.name}.${definition.name.text}`;
}
