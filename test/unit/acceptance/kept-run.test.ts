/** Whether a run that was kept is of the program that the compiler makes today. */
import { expect, test } from 'vitest';
import { programOf } from '../../acceptance/kept-run.ts';

const file = (path: string, sha256: string) => ({ path, sha256, bytes: 1 });

const planOf = (sha256: string, ...kernels: readonly string[]): string =>
  JSON.stringify({
    model: 'm',
    files: [file('shards/0/program.txt', sha256), ...kernels.map((path) => file(path, 'k'))],
    shards: [{ id: 0, cpu: ['cpu/train.onnx'], ...(kernels.length > 0 ? { kernels } : {}) }],
  });

test('a text is not the program that it says', () => {
  const of = (sha256: string): string =>
    programOf(JSON.stringify({ ...JSON.parse(planOf('a')), source: [{ path: 'm.pcn', sha256 }] }));
  expect(of('with one head')).toBe(of('with another'));
});

test('kernels are of a device, and everything else is of the program', () => {
  const own = programOf(planOf('a'));
  expect(programOf(planOf('a', 'kernels/map.wgsl', 'shards/0/kernels/map.wgsl'))).toBe(own);
  expect(programOf(planOf('b'))).not.toBe(own);
});
