/** The lowering to WGSL is a list of named steps, and every function goes through all of them in their order. */
import { join } from 'node:path';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { lowerToWgsl } from '../../../compiler/7-kernels/wgsl/lower.ts';
import { type Step, StepChain } from '../../../compiler/7-kernels/wgsl/step-chain.ts';
import { lowering } from '../../../compiler/7-kernels/wgsl/steps.ts';
import type { KernelFunction } from '../../../spec/kernels.ts';
import type { Program } from '../../../spec/program.ts';
import { compileStages } from '../../golden/stages.ts';

const NAMES = [
  'flatten',
  'halves',
  'clusters',
  'groups',
  'place',
  'persistent-runs',
  'write',
  'choose-places',
  'dispatch',
];

/** Additions of each step to the form before it; all others change what is there. */
const ADDS: Readonly<Record<string, readonly string[]>> = {
  flatten: ['flat'],
  clusters: ['clusters', 'parts'],
  groups: ['launches'],
  place: ['around', 'blocks', 'layout'],
  'persistent-runs': ['runs'],
};

test('the lowering names its steps', () => {
  expect(lowering.steps.map(({ name }) => name)).toEqual(NAMES);
  for (const { what } of lowering.steps) expect(what).toMatch(/^\w.*[^.]$/);
});

test('the lowering takes every function of a program through all steps, and returns what the last has made', () => {
  const program = ruleIl();
  const told: { readonly step: Step; readonly made: object }[] = [];
  const { kernels } = lowerToWgsl(program, {}, (step, made) => void told.push({ step, made: made as object }));
  expect(told.map(({ step }) => step.name)).toEqual(program.functions.flatMap(() => NAMES));
  expect(told.flatMap(({ step, made }) => (step.name === 'dispatch' ? [made] : []))).toEqual(kernels.functions);
});

test('the lowering passes every form on with the findings of its step', () => {
  const told = new Map<string, readonly string[]>();
  lowerToWgsl(ruleIl(), {}, ({ name }, made) => void told.set(name, Object.keys(made as object)));
  let before = ['arenas', 'f', 'modules', 'program', 'states', 'target'];
  for (const name of NAMES.slice(0, -1)) {
    const now = told.get(name) ?? [];
    expect(now.filter((key) => !before.includes(key)).sort()).toEqual(ADDS[name] ?? []);
    before = [...now];
  }
});

test('the lowering copies weights in half precision only where that is asked for', () => {
  const stored = (precision: 'f32' | 'f16-weights'): boolean => {
    const forms: object[] = [];
    const program = ruleIl();
    lowerToWgsl(program, { precision }, ({ name }, made) => {
      if (name === 'flatten' || name === 'halves') forms.push(made as object);
    });
    return forms.some((form, i) => i % 2 === 1 && form !== forms[i - 1]);
  };
  expect(stored('f32')).toBe(false);
  expect(stored('f16-weights')).toBe(true);
});

describe('a chain of steps', () => {
  const length = (text: string): number => text.length;
  const isEven = (n: number): boolean => n % 2 === 0;
  const chain = StepChain.from<string>().step('length', 'characters', length).step('even', 'divisible by two', isEven);

  test('runs one after the other', () => {
    const made: unknown[] = [];
    expect(chain.run('four', ({ name }, form) => void made.push([name, form]))).toBe(true);
    expect(made).toEqual([
      ['length', 4],
      ['even', true],
    ]);
  });

  test('takes as its next step only one that reads the last form, as the types say', () => {
    type Reads<Of> = Of extends StepChain<never, infer To> ? To : never;
    expectTypeOf<Parameters<typeof chain.step>[2]>().parameter(0).toEqualTypeOf<boolean>();
    expectTypeOf<Reads<typeof lowering>>().toEqualTypeOf<KernelFunction>();
    expect(chain.steps.map(({ name }) => name)).toEqual(['length', 'even']);
  });
});

function ruleIl(): Program {
  const [staged] = compileStages(join('test/golden', 'rule-il', 'model.pcn')).staged;
  if (!staged) throw new Error('rule-il has no task');
  return staged.program;
}
