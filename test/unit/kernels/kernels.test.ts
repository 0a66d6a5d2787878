/** The kernels of every golden model: sound, printed and read back, and refused when somebody changed them. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lowerToWgsl } from '../../../compiler/7-kernels/wgsl/lower.ts';
import { KernelTextError, parseKernels, printKernels } from '../../../spec/kernel-text.ts';
import { KernelFault, verifyKernels } from '../../../spec/kernel-verify.ts';
import type { Dispatch, KernelFunction, KernelModule, KernelProgram, KernelStep } from '../../../spec/kernels.ts';
import type { Program } from '../../../spec/program.ts';
import { compileStages } from '../../golden/stages.ts';
import { launchByLaunch } from '../../support/lowered.ts';

const GOLDEN = 'test/golden';
const models = readdirSync(GOLDEN).filter((name) => existsSync(join(GOLDEN, name, 'model.pcn')));

describe.each(models)('%s', (name) => {
  const lowered = compileStages(join(GOLDEN, name, 'model.pcn')).staged.flatMap(({ program }) => [
    lowerToWgsl(program),
    launchByLaunch(program),
  ]);

  test('has kernels that fit together and read back as they are', () => {
    for (const { kernels, modules } of lowered) {
      verifyKernels(kernels);
      expect(parseKernels(printKernels(kernels))).toEqual(kernels);
      expect([...modules.keys()].sort()).toEqual(kernels.modules.map((m) => m.id).sort());
    }
  });

  test('has modules that each name their purpose and every size that a dispatch gives', () => {
    for (const { kernels, modules } of lowered) {
      for (const text of modules.values()) expect(text).toMatch(/^\/\/ \S/);
      for (const d of kernels.functions.flatMap((f) => f.dispatches)) {
        const declared = [...(modules.get(d.module) ?? '').matchAll(/^override (\w+): u32;$/gm)].map((m) => m[1]);
        const module = kernels.modules.find((m) => m.id === d.module);
        const places = module?.places === 'overrides' ? module.tensors.map((t) => t.name) : [];
        expect([...Object.keys(d.constants), ...places].sort()).toEqual(declared.sort());
      }
    }
  });
});

describe('kernels that were changed', () => {
  const { kernels } = launchByLaunch(ruleIl());
  const train = (change: (f: KernelFunction) => Partial<KernelFunction>): KernelProgram => ({
    ...kernels,
    functions: kernels.functions.map((f) => (f.name === 'train' ? { ...f, ...change(f) } : f)),
  });
  const first = (change: Partial<Dispatch>): KernelProgram =>
    train((f) => ({ dispatches: f.dispatches.map((d, i) => (i === 0 ? { ...d, ...change } : d)) }));

  test.each<[string, KernelProgram, RegExp]>([
    [
      'a value that is read before it is made',
      train((f) => ({ dispatches: f.dispatches.slice(1) })),
      /before it is written/,
    ],
    ['a module that does not exist', first({ module: 'map-000000000000' }), /which does not exist/],
    ['too many groups', first({ groups: [65536, 1, 1] }), /has no size/],
    ['no groups', first({ groups: [0, 1, 1] }), /has no size/],
    ['too few regions', first({ regions: [] }), /takes 0 regions/],
    ['a region that does not exist', first({ regions: ['a', 'b', 'c', 'd', 'e'] }), /has no region/],
    ['a constant that is not a number', first({ constants: { size0: Number.NaN } }), /not a number/],
    [
      'a region beyond its arena',
      train((f) => ({ regions: f.regions.map((r, i) => (i === 0 ? { ...r, elements: 1e9 } : r)) })),
      /does not lie within/,
    ],
    [
      'a region between two places that can be bound',
      train((f) => ({ regions: f.regions.map((r, i) => (i === 0 ? { ...r, offset: 1 } : r)) })),
      /begins at 1/,
    ],
    ['states over each other', { ...kernels, states: kernels.states.map((s) => ({ ...s, offset: 0 })) }, /lies over/],
    [
      'a result of another function',
      train((f) => ({ results: [...f.results, { name: 'x', region: 'nowhere' }] })),
      /has no region/,
    ],
    [
      'a name that leads elsewhere',
      { ...kernels, modules: kernels.modules.map((m) => ({ ...m, id: '../x' })) },
      /name/,
    ],
  ])('are refused with %s', (_, changed, why) => {
    expect(() => verifyKernels(changed)).toThrow(KernelFault);
    expect(() => verifyKernels(changed)).toThrow(why);
  });

  test('are refused with the line of an unknown statement', () => {
    expect(() => parseKernels('kernels "a"\nfunktion "b"\n')).toThrow(KernelTextError);
    expect(() => parseKernels('kernels "a"\nfunktion "b"\n')).toThrow(/line 2/);
    expect(() => parseKernels('')).toThrow(/line 1/);
  });
});

describe('persistent kernels that were changed', () => {
  const { kernels } = lowerToWgsl(ruleIl());
  const first = (change: (d: Dispatch) => Partial<Dispatch>): KernelProgram => ({
    ...kernels,
    functions: kernels.functions.map((f) => ({
      ...f,
      dispatches: f.dispatches.map((d, i) => (i === 0 ? { ...d, ...change(d) } : d)),
    })),
  });
  const steps = (change: (s: KernelStep, i: number) => Partial<KernelStep>): KernelProgram =>
    first((d) => ({ steps: d.steps.map((s, i) => ({ ...s, ...change(s, i) })) }));
  const module = (change: Partial<KernelModule>): KernelProgram => ({
    ...kernels,
    modules: kernels.modules.map((m) => (m.parts.length > 0 ? { ...m, ...change } : m)),
  });

  test('make one dispatch of a training, and none of a prediction of two launches', () => {
    const kinds = kernels.functions.map((f) => [f.name, f.dispatches.map((d) => d.module.replace(/-.*/, ''))]);
    expect(kinds).toEqual([
      ['train', ['persistent']],
      ['predict.answer', ['product', 'product']],
    ]);
    expect(kernels.functions[0]?.dispatches[0]?.steps.length).toBeGreaterThan(10);
  });

  test.each<[string, KernelProgram, RegExp]>([
    ['no steps', first(() => ({ steps: [] })), /binds a buffer that it does not use/],
    ['more than one group', first(() => ({ groups: [2, 1, 1] })), /more than one group/],
    ['a step that does not wait', steps(() => ({ waits: false })), /does not wait/],
    ['a step of no part', steps(() => ({ part: 'map99' })), /no part map99/],
    ['too few regions', steps(() => ({ regions: [] })), /takes 0 regions/],
    ['a region that does not exist', steps(({ regions }) => ({ regions: regions.map(() => 'x') })), /has no region x/],
    ['a value that is read before it is made', first((d) => ({ steps: d.steps.slice(1) })), /before it is written/],
    ['no parts', module({ parts: [] }), /has no parts/],
    ['parts without a table', module({ places: 'uniform' }), /has parts and no table/],
  ])('are refused with %s', (_, changed, why) => {
    expect(() => verifyKernels(changed)).toThrow(KernelFault);
    expect(() => verifyKernels(changed)).toThrow(why);
  });
});

function ruleIl(): Program {
  const [staged] = compileStages(join(GOLDEN, 'rule-il', 'model.pcn')).staged;
  if (!staged) throw new Error('the model has no task');
  return staged.program;
}
