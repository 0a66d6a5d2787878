/** A plan is written a piece at a time, with the bytes that it has in memory, and whole or not at all. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { afterAll, expect, test, vi } from 'vitest';
import { canonicalJson, collected, textInto, writeCanonical } from '../../../compiler/8-plan/canonical.ts';
import { planFolder } from '../../../runtime/plan/plan-folder.ts';
import { scratchFor } from '../../../runtime/plan/scratch.ts';
import { readListed } from '../../../runtime/plan/verify-plan.ts';
import { writePlanParts } from '../../../runtime/plan/write-plan.ts';
import { EnvironmentError, UserError } from '../../../runtime/support/errors.ts';
import type { Plan, PlanPart } from '../../../spec/plan.ts';
import { removeFolder } from '../../support/remove-folder.ts';

vi.setConfig({ testTimeout: 120_000 });

const folder = mkdtempSync(join(tmpdir(), 'nmc-writing-'));
afterAll(() => removeFolder(folder));

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

test('canonical JSON in pieces is canonical JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4, noUnicodeString: false }), (value) => {
      expect(text(canonicalJson(value))).toBe(canonicalize(value));
    }),
    { seed: 3, numRuns: 500 },
  );
  const odd = { b: [], a: {}, é: [null, -0, 1e21, 1e-7], '\u20ac': undefined, '\r': '\u0007"', A: [[{}], [[]]] };
  expect(text(canonicalJson(odd))).toBe(canonicalize(odd));
});

test('pieces are small, however long the text is', () => {
  const sizes: number[] = [];
  writeCanonical(
    Array.from({ length: 50_000 }, (_, i) => ({ name: `h/${i}`, from: i })),
    (bytes) => sizes.push(bytes.length),
  );
  expect(sizes.length).toBeGreaterThan(20);
  expect(Math.max(...sizes)).toBeLessThan(1 << 17);
});

test('a character beyond 16 bits is never split', () => {
  const all = collected((sink) => {
    const out = textInto(sink);
    for (let i = 0; i < 40_000; i++) out.write('a\u{1f600}');
    out.end();
  });
  expect(text(all)).toBe('a\u{1f600}'.repeat(40_000));
});

const parts = (byte: number): PlanPart[] =>
  ['shards/0/program.txt', 'cpu/a.onnx'].map((path) => ({
    path,
    write: (sink) => {
      for (let i = 0; i < 3; i++) sink(Uint8Array.of(byte, i));
    },
  }));

const write = (place: string, byte: number): string =>
  writePlanParts(place, parts(byte), (files, sink) => writeCanonical({ byte, files }, sink));

test('the entries are those of the files, and other files in the folder stay', () => {
  const place = join(folder, 'new', 'a.plan');
  const first = write(place, 1);
  expect(readdirSync(join(folder, 'new'))).toEqual(['a.plan']);
  writeFileSync(join(place, 'notes.md'), 'mine');
  const second = write(place, 2);
  expect(second).not.toBe(first);
  expect(readdirSync(join(folder, 'new'))).toEqual(['a.plan']);
  expect(readFileSync(join(place, 'notes.md'), 'utf8')).toBe('mine');
  expect([...readFileSync(join(place, 'cpu/a.onnx'))]).toEqual([2, 0, 2, 1, 2, 2]);
  const { files } = JSON.parse(readFileSync(join(place, 'plan.json'), 'utf8')) as { files: { bytes: number }[] };
  expect(files.map((f) => f.bytes)).toEqual([6, 6]);
});

test('a plan that cannot be made leaves nothing', () => {
  const place = join(folder, 'failed', 'a.plan');
  const broken: PlanPart = {
    path: 'x',
    write: (sink) => {
      sink(Uint8Array.of(1));
      throw new Error('no more');
    },
  };
  expect(() => writePlanParts(place, [broken], () => undefined)).toThrow('no more');
  expect(readdirSync(join(folder, 'failed'))).toEqual([]);
});

/** The byte of the plan that is there; nothing where none is, or where it is refused. */
function plannedByte(place: string): string {
  if (!existsSync(join(place, 'plan.json'))) return 'none';
  const { byte, files } = JSON.parse(readFileSync(join(place, 'plan.json'), 'utf8')) as { byte: string } & Plan;
  try {
    const bytes = [...readListed(planFolder(place), files).values()];
    expect(bytes.every((b) => b.every((n) => n === Number(byte)))).toBe(true);
    return byte;
  } catch (error) {
    if (error instanceof UserError) return error.code;
    throw error;
  }
}

test('a place where there can be no folder is reported in words', () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  for (const place of [file, join(file, 'a.plan')]) expect(() => write(place, 1)).toThrow(EnvironmentError);
});

test('the rest of a killed writer is removed with the next plan at its place, and that of a running one stays', () => {
  const place = join(folder, 'left', 'a.plan');
  const ended = spawnSync(process.execPath, ['--version']).pid;
  const living = [scratchFor(place), scratchFor(place).replace(`.${process.pid}-`, `.${process.ppid}-`)];
  const abandoned = scratchFor(place).replace(`.${process.pid}-`, `.${ended}-`);
  const others = [
    abandoned.replace('a.plan', 'b.plan'),
    abandoned.replace(hostname(), 'elsewhere'),
    join(folder, 'left', 'a.plan.tmp'),
  ];
  for (const path of [...living, abandoned, ...others]) mkdirSync(join(path, 'shards'), { recursive: true });
  write(place, 1);
  expect(existsSync(abandoned)).toBe(false);
  for (const path of [...living, ...others]) expect(existsSync(join(path, 'shards')), path).toBe(true);
});

test('a kill at any moment leaves the old plan, the new one, or one that is refused', () => {
  const root = resolve(import.meta.dirname, '../../..');
  const compiled = join(folder, 'compiled');
  const options = `--ignoreConfig --rootDir ${root} --outDir ${compiled} --target es2022 --module nodenext
    --moduleResolution nodenext --types node --lib es2023 --skipLibCheck --rewriteRelativeImportExtensions`.split(
    /\s+/,
  );
  const entry = join(root, 'test/unit/plan/writing-child.ts');
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...options, entry], { cwd: root });
  writeFileSync(join(compiled, 'package.json'), '{"type":"module"}');
  const script = join(compiled, 'test/unit/plan/writing-child.js');
  const dying = join(root, 'test/support/die-at-write.mjs');
  const run = (place: string, byte: number, dieAt?: number): string | null => {
    const env = { ...process.env, ...(dieAt === undefined ? {} : { NMC_TEST_DIE_AT: String(dieAt) }) };
    return spawnSync(process.execPath, ['--import', dying, script, place, String(byte)], { env }).signal;
  };
  for (const old of [undefined, 1]) {
    const seen = new Set<string>();
    let whole = false;
    for (let at = 1; !whole && at < 1000; at++) {
      const place = join(folder, `killed-${old}-${at}`);
      if (old !== undefined) run(place, old);
      whole = run(place, 2, at) === null;
      if (whole) {
        expect(plannedByte(place)).toBe('2');
        continue;
      }
      seen.add(plannedByte(place));
      const left = readdirSync(folder).filter((name) => name.startsWith(`.killed-${old}-${at}.`));
      if (at === 3) expect(left).toHaveLength(1);
      write(place, 3);
      expect(readdirSync(folder).filter((name) => name.startsWith(`.killed-${old}-${at}.`))).toEqual([]);
    }
    expect(whole).toBe(true);
    expect([...seen].sort()).toEqual(old === undefined ? ['2', 'none'] : ['1', '2', 'plan/hash']);
  }
});
