/**
 * Every stage of the compiler, held against what was accepted before. `npm run golden:update` accepts what there is
 * now: look at the difference before it is committed. A refactoring changes nothing here.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from '../../compiler/1-syntax/parse.ts';
import { printSourceFile } from '../../compiler/1-syntax/text.ts';
import { parseGraph, printGraph } from '../../compiler/4-graph/text.ts';
import { verifyGraph } from '../../compiler/4-graph/verify.ts';
import { runPasses } from '../../compiler/5-program/passes/index.ts';
import { verify } from '../../compiler/5-program/verify.ts';
import { parseProgram, printProgram } from '../../spec/program-text.ts';
import { compileStages } from './stages.ts';

const UPDATE = process.env.UPDATE_GOLDEN === '1';
const GOLDEN = 'test/golden';
const EXAMPLES = 'dsl-examples';
/** Models of thousands of nodes and links: their texts are megabytes, and other tests hold what they show. */
const LARGE = new Set(['cortex.pcn']);
/** Whose program is also kept as it is before the passes: enough to read what they do. */
const LOWERED_OF = 'rule-il';

interface Case {
  readonly name: string;
  readonly model: string;
  /** Where the accepted texts lie. */
  readonly folder: string;
  readonly keeps: (file: string) => boolean;
}

const small = readdirSync(GOLDEN)
  .filter((name) => existsSync(join(GOLDEN, name, 'model.pcn')))
  .map(
    (name): Case => ({
      name,
      model: join(GOLDEN, name, 'model.pcn'),
      folder: join(GOLDEN, name),
      keeps: (file) => !file.includes('lowered') || name === LOWERED_OF,
    }),
  );
/** Of the examples only what is short: the plan has the hashes of the rest. */
const examples = readdirSync(EXAMPLES)
  .filter((name) => name.endsWith('.pcn') && !LARGE.has(name) && isModel(join(EXAMPLES, name)))
  .map(
    (name): Case => ({
      name: `${EXAMPLES}/${name}`,
      model: join(EXAMPLES, name),
      folder: join(GOLDEN, EXAMPLES, basename(name, '.pcn')),
      keeps: (file) => file.startsWith('graph') || file.startsWith('plan'),
    }),
  );

describe.each([...small, ...examples])('$name', ({ model, folder, keeps }) => {
  const compiled = compileStages(model);

  test('has every stage as it was accepted', () => {
    const kept = [...compiled.texts].filter(([file]) => keeps(file));
    if (UPDATE) accept(folder, kept);
    for (const [file, text] of kept) {
      const accepted = existsSync(join(folder, file)) ? readFileSync(join(folder, file), 'utf8') : '(nothing yet)';
      expect(text, `${join(folder, file)}: npm run golden:update accepts the change`).toBe(accepted);
    }
    expect(storedIn(folder)).toEqual(kept.map(([file]) => file).sort());
  });

  test('prints what its parser reads back', () => {
    const tree = compiled.texts.get('ast.pcn') ?? '';
    const again = parse(tree, model);
    expect(again.diagnostics).toEqual([]);
    expect(again.value && printSourceFile(again.value)).toBe(tree);
    for (const { graph, lowered, program } of compiled.staged) {
      expect(parseGraph(printGraph(graph))).toEqual(graph);
      for (const form of [lowered, program]) expect(parseProgram(printProgram(form))).toEqual(form);
    }
  });

  test('stays a sound program through every pass', () => {
    for (const { graph, lowered } of compiled.staged) {
      expect(() => verifyGraph(graph)).not.toThrow();
      expect(() => verify(lowered)).not.toThrow();
      runPasses(lowered, (pass, program) => expect(() => verify(program), pass.name).not.toThrow());
    }
  });

  test('compiles to the same bytes twice', () => {
    const again = compileStages(model);
    expect([...again.bytes.keys()]).toEqual([...compiled.bytes.keys()]);
    for (const [file, bytes] of compiled.bytes)
      expect(Buffer.compare(bytes, again.bytes.get(file) ?? Buffer.of()), file).toBe(0);
  });
});

/** A file with nothing to build, as a module that others import, has no stages behind its tree. */
function isModel(path: string): boolean {
  const tree = parse(readFileSync(path, 'utf8'), path).value;
  return tree?.declarations.some((item) => item.kind === 'model') ?? false;
}

/** The golden texts of a folder; sources are `model.pcn` and the modules beside it. */
function storedIn(folder: string): string[] {
  return existsSync(folder)
    ? readdirSync(folder)
        .filter((file) => file === 'ast.pcn' || !file.endsWith('.pcn'))
        .sort()
    : [];
}

function accept(folder: string, texts: readonly (readonly [file: string, text: string])[]): void {
  for (const file of storedIn(folder)) rmSync(join(folder, file));
  for (const [file, text] of texts) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
}
