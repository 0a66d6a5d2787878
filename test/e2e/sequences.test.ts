/** Sequences from files to predictions: senses at their own rates, values that outlive a step, pictures of recalls. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { expect, test } from 'vitest';
import { stream } from '../../spec/random.ts';
import { jsonLines, nmc, temporaryFolder } from '../support/nmc.ts';
import { npyF32, npz } from '../unit/data/fixtures.ts';

const folder = temporaryFolder();
const N = 8;
const STEPS = 6;
const rng = stream(1, 'sequences');
const floats = (count: number): number[] => Array.from({ length: count }, (_, i) => Math.fround(rng.normal(i)));

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

test.each(['cpu', 'reference'])('senses at their own rates train with delayed links, on %s', async (device) => {
  const slow = floats(N * 2 * 2);
  const fast = floats(N * STEPS);
  writeFileSync(join(folder, 'x.npz'), npz({ slow: npyF32([N, 2, 2], slow), fast: npyF32([N, STEPS, 1], fast) }));
  write(
    'rates.pcn',
    `pcn 1
import std/links
import std/learn
import std/data

model m {
  sense slow: f32[2] at 10Hz
  sense fast: f32[1] at 30Hz
  node  now:  f32[3]
  node  then: f32[3]
  link [slow, fast] -> now = links.dense()
  link now -> then         = links.identity(delay = 2)
}

train t of m on data.file("x.npz", slow = f32[2, 2], fast = f32[6, 1]) {
  sequence = 6
  clamp slow = sample.slow
  clamp fast = sample.fast

  method = learn.il(steps = 2)
  batch  = 4
  epochs = 1
}

predict look of m {
  clamp slow = input.slow
  clamp fast = input.fast
  read slow = slow
  read fast = fast
  read now  = now
  read then = then
}
`,
  );
  const out = `rates-${device}`;
  const trained = await nmc(['train', 'rates.pcn', '--device', device, '--out', out, '--json'], { cwd: folder });
  expect(trained.code).toBe(0);
  const predicted = await nmc(['predict', out, '--device', device, '--input', 'x.npz', '--json'], { cwd: folder });
  expect(predicted).toMatchObject({ code: 0, stderr: '' });
  const lines = jsonLines(predicted) as unknown as {
    slow: number[][];
    fast: number[][];
    now: number[][];
    then: number[][];
  }[];
  expect(lines).toHaveLength(N);
  lines.forEach((line, i) => {
    // Between two of its samples a sense keeps the last one.
    const kept = Array.from({ length: STEPS }, (_, s) => slow.slice((i * 2 + Math.floor(s / 3)) * 2).slice(0, 2));
    expect(line.slow).toEqual(kept);
    expect(line.fast.flat()).toEqual(fast.slice(i * STEPS, (i + 1) * STEPS));
    // Two steps late, nothing before the first, and nothing of the sequence before.
    const late = [[0, 0, 0], [0, 0, 0], ...line.now.slice(0, STEPS - 2)];
    line.then.forEach((row, s) => {
      for (const [k, v] of row.entries()) expect(v).toBeCloseTo(late[s]?.[k] ?? Number.NaN, 5);
    });
  });
});

test('a memory is trained, checked and drawn: originals, cues and recalls', async () => {
  write(
    'memory.pcn',
    `pcn 1
import std/links
import std/learn
import std/data

model m {
  sense pixels: f32[784]
  link pixels -> pixels = links.lateral()
}

train t of m on data.glyphs.train[0..3] {
  clamp pixels = standardize(sample.image)
  method    = learn.ipc(steps = 60)
  optimizer = learn.adam(rate = 0.002)
  batch     = 4
  epochs    = 1
}

predict recall of m {
  clamp pixels = standardize(input.image) when range(784) < 392
  settle = learn.settle(steps = 60, rate = 0.05, momentum = 0.8)
  read image = unstandardize(pixels, input.image)
  read cue   = select(range(784) < 392, flatten(input.image), 0)
}

predict dream of m {
  clamp pixels = standardize(input.image) when range(784) < 392
  settle = learn.settle(steps = 1, rate = 0.00001, start = noise)
  read image = pixels
}

check error(recall.image, data.glyphs.train[0..3].image) <= 500
check error(dream.image, data.glyphs.train[0..3].image) <= 1000000
`,
  );
  const trained = await nmc(['train', 'memory.pcn', '--out', 'memory', '--json'], { cwd: folder });
  expect(trained.code).toBe(0);
  const drawn = await nmc(['predict', 'memory', '--png', 'memory.png', '--json'], { cwd: folder });
  expect(jsonLines(drawn)).toEqual([
    { event: 'picture', file: 'memory.png', rows: ['image', 'image', 'cue'], samples: 4 },
  ]);
  const png = PNG.sync.read(readFileSync(join(folder, 'memory.png')));
  expect([png.width, png.height]).toEqual([4 * (28 * 2 + 2) + 2, 3 * (28 * 2 + 2) + 2]);
  const grey = (x: number, y: number): number => png.data[(y * png.width + x) * 4] ?? -1;
  for (let x = 2; x < png.width - 2; x += 7) {
    for (let y = 0; y < 28; y += 3) expect(Math.abs(grey(x, 2 + y) - grey(x, 60 + y))).toBeLessThanOrEqual(1);
    if ((x - 2) % 58 < 56) expect(grey(x, 118 + 50)).toBe(0); // the cue shows nothing of the lower half
  }
  // Noise is the same every time, and another for each sample; what is shown is held.
  const dreams = async (): Promise<unknown> => (await nmc(['eval', 'memory', '--json'], { cwd: folder })).stdout;
  expect(await dreams()).toBe(await dreams());
});
