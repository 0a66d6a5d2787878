/** The WGSL of one kernel of each kind, as it was accepted: `npm run golden:update` accepts what there is now. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type LoweredKernels, lowerToWgsl } from '../../compiler/7-kernels/wgsl/lower.ts';
import { copyProgram, productProgram } from '../../runtime/cli/measuring/programs.ts';
import type { Precision } from '../../spec/precision.ts';
import type { Program } from '../../spec/program.ts';
import { launchByLaunch } from '../support/lowered.ts';
import { sideBySide } from '../support/product-programs.ts';
import { lowerInParts } from '../support/webgpu-parts.ts';
import { compileStages } from './stages.ts';

const UPDATE = process.env.UPDATE_GOLDEN === '1';
const FOLDER = 'test/golden/kernels';

/** Modules of a program whose name begins with `kind-`. */
function modulesOf(program: Program, kind: string, precision?: Precision): string[] {
  return ofKind(launchByLaunch(program, precision), kind);
}

const ofKind = ({ modules }: LoweredKernels, kind: string): string[] =>
  [...modules].flatMap(([id, text]) => (id.startsWith(`${kind}-`) ? [text] : []));

const golden = (name: string): Program => {
  const [staged] = compileStages(join('test/golden', name, 'model.pcn')).staged;
  if (!staged) throw new Error(`${name} has no task`);
  return staged.program;
};
const first = (texts: readonly string[]): string => texts[0] ?? '';

const UNIT = { kind: 'matrices', m: 16, n: 16, k: 16, lanes: 32, sized: true } as const;
const SMALL = { m: 8, n: 12, k: 20 };
const LARGE = { m: 64, n: 68, k: 72 };
const rule = golden('rule-il');
const kinds: Readonly<Record<string, string>> = {
  'product-plain': first(modulesOf(rule, 'product')),
  'product-tiles': first(modulesOf(productProgram({ m: 64, n: 256, k: 32, tb: true }, 1), 'product')),
  'product-pages': first(modulesOf(golden('arrays'), 'product').filter((text) => text.includes('let page ='))),
  products: first(modulesOf(sideBySide([SMALL, LARGE]), 'products')),
  'product-halves': first(modulesOf(productProgram({ m: 64, n: 256, k: 32, tb: true }, 4), 'product', 'f16-weights')),
  'product-f16': first(modulesOf(productProgram({ m: 64, n: 256, k: 32, tb: true }, 1), 'product', 'f16')),
  'product-matrices': first(
    ofKind(launchByLaunch(productProgram({ m: 64, n: 256, k: 32, tb: true }, 1), 'f16', UNIT), 'product'),
  ),
  'products-matrices': first(
    ofKind(launchByLaunch(sideBySide([SMALL, { m: 128, n: 136, k: 72 }]), 'f16', UNIT), 'products'),
  ),
  'map-in-parts': first(ofKind(lowerInParts(copyProgram(4096), 1024), 'map')),
  'product-in-parts': first(ofKind(lowerInParts(productProgram({ m: 8, n: 64, k: 32 }, 1), 1024), 'product')),
  pack: first(modulesOf(productProgram({ m: 64, n: 256, k: 32, tb: true }, 4), 'pack', 'f16-weights')),
  'sum-of-parts': first(modulesOf(productProgram({ m: 4, n: 8, k: 1024, ta: true }, 1), 'reduce')),
  map: first(modulesOf(rule, 'map')),
  reduce: first(modulesOf(rule, 'reduce')),
  persistent: first(ofKind(lowerToWgsl(rule), 'persistent')),
  gather: first(modulesOf(golden('arrays'), 'gather')),
};

test.each(Object.entries(kinds))('the kernel %s is as it was accepted', (name, text) => {
  const path = join(FOLDER, `${name}.wgsl`);
  if (UPDATE) {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(path, text);
  }
  expect(text, 'there is such a kernel').toContain('@compute');
  const accepted = existsSync(path) ? readFileSync(path, 'utf8') : '(nothing yet)';
  expect(text, `${path}: npm run golden:update accepts the change`).toBe(accepted);
});

test('the folder holds no other kernels', () => {
  expect(readdirSync(FOLDER).sort()).toEqual(
    Object.keys(kinds)
      .map((name) => `${name}.wgsl`)
      .sort(),
  );
});
