/** Links between pictures: the listings that have them, and shapes that cannot meet. */

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import check from '../../../runtime/cli/compiling/check.ts';
import { CHECK } from '../../../runtime/cli/compiling/options.ts';
import { readOptions } from '../../../runtime/cli/shell/options.ts';
import { checkSource, modelOf } from '../../support/check-source.ts';

const COLUMN = `pcn 1

import std/nodes
import std/links

/// A patch of cortex: \`high\` predicts \`low\`, and itself one time step later.
cluster cortical(width: int) {
  node low:  f32[width]     = nodes.gaussian(act = tanh)
  node high: f32[width / 2] = nodes.gaussian(act = tanh, precision = learned)
  link high -> low  = links.dense()
  link high -> high = links.dense(delay = 1)
  expose low, high
}

/// The same with a low node laid out as a picture: 16 x 16 places of two units.
cluster visual() {
  node low:  f32[16, 16, 2] = nodes.gaussian(act = tanh)
  node high: f32[256]       = nodes.gaussian(act = tanh)
  link high -> low  = links.dense()
  expose low, high
}
`;

const BRAIN = `pcn 1

import std/links
import std/topology
import ./column

/// Three senses fan in to an association area; a loop runs through motor and back.
model small_brain {
  param width: int = 512 where width % 8 == 0

  sense retina:  f32[64, 64, 3] at 30Hz
  sense cochlea: f32[128]       at 100Hz
  sense touch:   f32[96]        at 50Hz

  cluster v1[16] = column.visual()             // sixteen columns, v1[0] .. v1[15]
  cluster a1     = column.cortical(width)
  cluster s1     = column.cortical(width / 2)
  cluster assoc  = column.cortical(width * 2)
  cluster motor  = column.cortical(width)

  link v1[*].low -> retina = links.conv_transpose(kernel = [8, 8], stride = [4, 4], padding = 2)
  link a1.low -> cochlea   = links.dense()
  link s1.low -> touch     = links.dense()

  // \`along\` between elements of an array chooses which pairs are joined, elsewhere which units
  link v1[*].high -> v1[*].low = links.sparse(density = 0.05) along topology.small_world(degree = 4, rewire = 0.1)
  link [v1[*].high, a1.high, s1.high] -> assoc.low = links.sparse() along topology.fixed_indegree(64)

  // A cycle without delay: every node reads the values of the tick before.
  link assoc.high -> motor.high = links.dense()
  link motor.high -> assoc.high = links.dense(init = zeros)
}

/// Where to run. Never changes what is computed.
schedule home of small_brain {
  keep_together = [v1[0], retina]
  cut_at  = clusters
  memory  = 2GiB
  uplink  = 5Mbit/s
}
`;

describe('the listings of pictures', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test('are accepted by nmc check: small_brain.pcn and column.pcn', () => {
    const folder = mkdtempSync(join(tmpdir(), 'listings-'));
    writeFileSync(join(folder, 'column.pcn'), COLUMN);
    writeFileSync(join(folder, 'small_brain.pcn'), BRAIN);
    const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    expect(
      check(readOptions(CHECK, { files: ['small_brain.pcn', 'column.pcn'].map((name) => join(folder, name)) })),
    ).toBe(0);
    expect(written.mock.calls.map(([text]) => String(text)).join('')).toMatch(/no errors/);
  });

  test('give sixteen columns one picture, each column with weights of its own', () => {
    const { value } = checkSource(BRAIN, {}, { 'column.pcn': COLUMN });
    const links = value?.models[0]?.links.filter((l) => l.target === 'retina') ?? [];
    expect(links).toHaveLength(16);
    expect(links[3]?.weights.map((w) => [w.name, ...w.shape])).toEqual([
      ['w', 8, 8, 3, 2],
      ['c', 3],
    ]);
    expect(links[3]?.weights[0]?.init).toEqual({ kind: 'uniform', bound: 1 / Math.sqrt(8 * 8 * 2) });
    expect(links[3]?.body).toBe(links[4]?.body);
  });
});

const messageOf = (source: string, target: string, link: string): string => {
  const text = `pcn 1\nimport std/links\nmodel m {\n  node a: f32${source}\n  node b: f32${target}\n  link a -> b = ${link}\n}`;
  const errors = checkSource(text).diagnostics.filter((d) => d.severity === 'error');
  expect(errors).toHaveLength(1);
  expect(errors[0]?.span.file, 'the place is the user’s').toBe('main.pcn');
  return `${errors[0]?.code}: ${errors[0]?.reason}${errors[0]?.repair === undefined ? '' : ` = try: ${errors[0].repair}`}`;
};

describe('shapes that do not fit', () => {
  test.each([
    [
      '[28, 28, 1]',
      '[14, 14, 8]',
      'links.conv(kernel = [5, 5], stride = 2)',
      'link/shape: with conv `b` would be f32[12, 12, 8], not f32[14, 14, 8] = try: `b: f32[12, 12, 8]`, or other settings of conv',
    ],
    [
      '[28, 28, 1]',
      '[14, 14, 8]',
      'links.conv(kernel = [40, 3], padding = 1)',
      'link/shape: conv does not fit: a window of 40 x 3 is larger than the picture of 28 x 28, even with its padding of 1 x 1',
    ],
    [
      '[28, 28, 1]',
      '[14, 14, 8]',
      'links.conv(stride = 0)',
      'link/shape: conv does not fit: `stride` is a whole number from 1, or two of them, not 0',
    ],
    [
      '[28, 28, 1]',
      '[14, 14, 8]',
      'links.conv(stride = [2, 1, 1])',
      'link/shape: conv does not fit: `stride` is a whole number from 1, or two of them, not [2, 1, 1]',
    ],
    [
      '[28, 28, 1]',
      '[14, 14, 8]',
      'links.conv(padding = 3)',
      'link/shape: conv does not fit: a padding of 3 is not smaller than the 3 places of a window',
    ],
    [
      '[28, 28, 1]',
      '[14, 14, 8]',
      'links.conv(kernel = [0, 3])',
      'argument/range: `kernel[0] >= 1 and kernel[1] >= 1` must hold, and `kernel` is [0, 3]',
    ],
    [
      '[28, 28, 1]',
      '[14, 14, 8]',
      'links.conv(kernel = 5)',
      'argument/type: `kernel` is a list of 2, each a whole number, not the number 5 = try: `[5, 5]`',
    ],
    [
      '[28, 28]',
      '[26, 26, 8]',
      'links.conv()',
      'link/shape: conv does not fit: a picture is [height, width, channels], not [28, 28]; with one channel it would be [28, 28, 1]',
    ],
    [
      '[5, 28, 28, 2]',
      '[5, 26, 26, 8]',
      'links.conv()',
      'link/shape: conv does not fit: a picture is [height, width, channels], not [5, 28, 28, 2]',
    ],
    [
      '[14, 14, 8]',
      '[65, 63, 3]',
      'links.conv_transpose(kernel = [8, 8], stride = 4, padding = 2)',
      'link/shape: conv_transpose does not fit: windows of 8 x 8 with stride 4 x 4 and padding 2 x 2 make 56 x 56 to 59 x 59 places of 14 x 14, not 65 x 63',
    ],
    [
      '[14, 14, 8]',
      '[28, 28, 1]',
      'links.pool(window = 15)',
      'link/shape: pool does not fit: a window of 15 x 15 is larger than the picture of 14 x 14',
    ],
    [
      '[16, 32]',
      '[16, 32]',
      'links.attention(heads = 5)',
      'link/shape: attention does not fit: a size is a whole number from 1, not 6.4',
    ],
    [
      '[16]',
      '[16, 32]',
      'links.attention()',
      'link/shape: attention does not fit: `shape(source)` has 1 element, 0 to 0; 1 is outside = try: give `a` one axis more: `f32[1, 16]` holds the same numbers',
    ],
  ])('are refused from %s to %s by %s', (source, target, link, message) => {
    expect(messageOf(source, target, link)).toBe(message);
  });

  test('a kernel cannot depend on the sample', () => {
    const text = `pcn 1
link filter() {
  predict conv2d(source, reshape(source, [2, 2, 1, 1]), padding = 0)
}
model m {
  node a: f32[2, 2, 1]
  node b: f32[1, 1, 1]
  link a -> b = filter()
}`;
    expect(checkSource(text).diagnostics.filter((d) => d.severity === 'error')[0]?.reason).toMatch(
      /^filter does not fit: the weights of `conv2d` are the same for all samples/,
    );
  });
});

test('the gradients of operators have no names in the language', () => {
  const text = 'pcn 1\nlink odd() {\n  predict max_pool2d_gradient(source, source, window = 1)\n}';
  expect(checkSource(text).diagnostics.map((d) => d.code)).toEqual(['name/unknown']);
});

test('layouts, ranges and masks can be called', () => {
  const body = (formula: string, target: string): readonly number[] | undefined =>
    modelOf(`node a: f32[2, 6]\nnode b: f32${target}\nlink a -> b = odd()`, {}, `link odd() {\n  predict ${formula}\n}`)
      .links[0]?.body.shape;
  expect(body('reshape(source, [3, 4])', '[3, 4]')).toEqual([3, 4]);
  expect(body('transpose(reshape(source, [2, 3, 2]), order = [2, 0, 1])', '[2, 2, 3]')).toEqual([2, 2, 3]);
  expect(body('slice(source, axis = 1, from = 2, size = 3)', '[2, 3]')).toEqual([2, 3]);
  expect(body('concatenate([source, source], axis = 0)', '[4, 6]')).toEqual([4, 6]);
  expect(body('pad(source, axis = 1, before = 1, after = 2)', '[2, 9]')).toEqual([2, 9]);
  expect(body('softmax(source, axis = 0)', '[2, 6]')).toEqual([2, 6]);
  expect(body('layer_norm(source, epsilon = 0.001)', '[2, 6]')).toEqual([2, 6]);
  expect(body('select(range(6) > 2, source, 0)', '[2, 6]')).toEqual([2, 6]);
});
