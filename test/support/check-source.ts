/** Checks texts as if they were files, with the real standard library. */
import { loadProgram } from '../../compiler/2-names/load.ts';
import { resolve } from '../../compiler/2-names/resolve.ts';
import { check } from '../../compiler/3-check/check.ts';
import type { Checked, ModelInstance } from '../../compiler/3-check/checked.ts';
import { type CheckedFile, checkFile } from '../../compiler/compile.ts';
import { hasErrors } from '../../compiler/diagnostics/diagnostic.ts';
import { fileHost, overlayHost } from '../../compiler/host.ts';

const disk = fileHost();

/** @param files other files by path; the text itself is `main.pcn` */
export function checkSource(
  text: string,
  options: Parameters<typeof checkFile>[2] = {},
  files: Readonly<Record<string, string>> = {},
): CheckedFile {
  return checkFile(overlayHost({ ...files, 'main.pcn': text }, disk), 'main.pcn', options);
}

/** The result of a text without errors. */
export function checked(text: string, options = {}, files: Readonly<Record<string, string>> = {}): Checked {
  const { value, diagnostics } = checkSource(text, options, files);
  if (value === undefined) throw new Error(diagnostics.map((d) => `${d.code}: ${d.reason}`).join('\n'));
  return value;
}

/** The same of a text whose rule may take too few ticks for errors to come everywhere: what it computes is defined. */
export function checkedTooShort(text: string): Checked {
  const { value: program } = loadProgram(overlayHost({ 'main.pcn': text }, disk), 'main.pcn');
  const found = program && check(program);
  if (!program || !found?.value || hasErrors([...resolve(program), ...found.diagnostics])) return checked(text);
  return found.value;
}

/** The only model of a text that imports the standard library and has this body. */
export function modelOf(body: string, options = {}, before = ''): ModelInstance {
  const text = `pcn 1
import std/nodes
import std/links
import std/topology
${before}
model m {
${body}
}`;
  const [model] = checked(text, options).models;
  if (model === undefined) throw new Error('no model');
  return model;
}

/** Codes of all diagnostics but notes and unused imports. */
export function codesOf(text: string, options = {}, files: Readonly<Record<string, string>> = {}): string[] {
  const { diagnostics } = checkSource(text, options, files);
  return diagnostics.filter((d) => d.severity !== 'note' && d.code !== 'import/unused').map((d) => d.code);
}
