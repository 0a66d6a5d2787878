/** Reads a file and what it imports; refuses cycles of imports and names missing files. */
import type { Definition, Import, SourceFile } from '../1-syntax/ast.ts';
import { parse } from '../1-syntax/parse.ts';
import type { Diagnostic, Result, Span } from '../diagnostics/diagnostic.ts';
import { hasErrors } from '../diagnostics/diagnostic.ts';
import { Reporter } from '../diagnostics/reporter.ts';
import { closest } from '../diagnostics/suggest.ts';
import { type Host, STANDARD } from '../host.ts';
import type { Module, Program } from './program.ts';

/** The checker takes its defaults from these, imported or not. */
const ALWAYS_LOADED = ['nodes', 'learn'];

/**
 * Loads `file` and its imports. The value is there if it and everything that could be read was parsed without errors;
 * an import that is missing is reported, and what uses it is silent later.
 */
export function loadProgram(host: Host, file: string): Result<Program> & { texts: ReadonlyMap<string, string> } {
  const loader = new Loader(host);
  const entry = loader.load(file, { file, start: 0, end: 0 });
  const standard = new Map<string, Module>();
  for (const name of ALWAYS_LOADED) {
    const module = loader.load(`${STANDARD}${name}.pcn`, { file, start: 0, end: 0 });
    if (module) standard.set(name, module);
  }
  const diagnostics = loader.finish();
  const { texts, homes } = loader;
  if (entry === undefined || loader.hasSyntaxErrors()) return { value: undefined, diagnostics, texts };
  return { value: { entry, modules: loader.modules, texts, homes, standard }, diagnostics, texts };
}

class Loader {
  readonly modules: Module[] = [];
  readonly texts = new Map<string, string>();
  readonly homes = new Map<Definition, Module>();
  readonly #host: Host;
  readonly #reporter = new Reporter();
  readonly #syntax: Diagnostic[] = [];
  readonly #done = new Map<string, Module | undefined>();
  /** Files being loaded, outermost first. */
  readonly #open: string[] = [];

  constructor(host: Host) {
    this.#host = host;
  }

  finish(): Diagnostic[] {
    return [...this.#syntax, ...this.#reporter.diagnostics];
  }

  hasSyntaxErrors(): boolean {
    return hasErrors(this.#syntax);
  }

  load(file: string, from: Span): Module | undefined {
    if (this.#done.has(file)) return this.#done.get(file);
    const found = this.#host.read(file);
    if (found.kind !== 'text') {
      this.#reportUnread(file, found.kind, found.detail, from);
      this.#done.set(file, undefined);
      return undefined;
    }
    this.texts.set(file, found.text);
    const parsed = parse(found.text, file);
    this.#syntax.push(...parsed.diagnostics);
    const module = parsed.value && this.#assemble(parsed.value, file);
    this.#done.set(file, module);
    return module;
  }

  #assemble(source: SourceFile, file: string): Module {
    this.#open.push(file);
    const imports = new Map<string, Module>();
    const firstUse = new Map<string, Import>();
    for (const line of source.imports) {
      const before = firstUse.get(line.name.text);
      if (before) {
        const same = before.path === line.path;
        this.#reporter.report('import/duplicate', line.span, `\`${line.name.text}\` has been imported above`, {
          repair: same ? 'leave this line out' : 'give one of the two files another name',
          labels: [{ span: before.span, text: 'first here' }],
        });
        continue;
      }
      firstUse.set(line.name.text, line);
      const module = this.#import(line, file);
      if (module) imports.set(line.name.text, module);
    }
    this.#open.pop();
    const definitions = new Map<string, Definition>();
    for (const declaration of source.declarations)
      if (declaration.kind === 'definition' && !definitions.has(declaration.name.text))
        definitions.set(declaration.name.text, declaration);
    const module: Module = {
      file,
      name: moduleName(file),
      standard: file.startsWith(STANDARD),
      source,
      imports,
      definitions,
    };
    for (const definition of definitions.values()) this.homes.set(definition, module);
    this.modules.push(module);
    return module;
  }

  #import(line: Import, from: string): Module | undefined {
    const file = importedFile(line.path, from);
    const at = this.#open.indexOf(file);
    if (at >= 0) {
      const names = [...this.#open.slice(at), file].map(moduleName);
      this.#reporter.report(
        'import/cycle',
        line.span,
        `${names.join(' imports ')}, so they import each other in a circle`,
        {
          repair: 'move what they share into a file that imports none of them',
        },
      );
      return undefined;
    }
    if (!line.path.startsWith('std/') && !line.path.startsWith('.')) {
      this.#reporter.report('import/missing', line.span, `\`${line.path}\` is neither a path nor in std/`, {
        repair: `write \`import ./${line.path}\` for a file beside this one, \`import std/${line.name.text}\` for the standard library`,
      });
      return undefined;
    }
    return this.load(file, line.span);
  }

  #reportUnread(file: string, kind: string, detail: string, from: Span): void {
    if (kind !== 'missing') {
      this.#reporter.report('import/unreadable', from, detail);
      return;
    }
    const name = moduleName(file);
    const known = this.#host.neighbours(file);
    const near = closest(name, known);
    const standard = file.startsWith(STANDARD);
    const reason = standard ? `the standard library has no \`${name}\`` : detail;
    const all = [...known].sort().join(', ');
    const repair = near ? `did you mean \`${near}\`?` : standard && known.length > 0 ? `it has ${all}` : undefined;
    this.#reporter.report('import/missing', from, reason, { repair });
  }
}

/** `std/nodes` → `std:nodes.pcn`; `./column` in `models/brain.pcn` → `models/column.pcn`. */
export function importedFile(path: string, from: string): string {
  if (path.startsWith('std/')) return `${STANDARD}${path.slice('std/'.length)}.pcn`;
  const folder = from.split(/[/\\]/).slice(0, -1);
  for (const part of path.split('/')) {
    const last = folder[folder.length - 1];
    if (part === '.') continue;
    if (part === '..' && last !== undefined && last !== '..' && last !== '.' && last !== '') folder.pop();
    else folder.push(part);
  }
  return `${folder.join('/')}.pcn`;
}

function moduleName(file: string): string {
  const last = file.split(/[/\\:]/).pop() ?? file;
  return last.endsWith('.pcn') ? last.slice(0, -'.pcn'.length) : last;
}
