/** `validate on` measures what the model's checks measure, be it no accuracy. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { jsonLines, temporaryFolder } from '../support/nmc.ts';
import { nmcInProcess } from '../support/nmc-in-process.ts';

const folder = temporaryFolder();

function rows(name: string, shift: number): void {
  const lines = Array.from({ length: 8 }, (_, i) => [Math.sin(i + shift), Math.cos(i), shift - i / 8].join());
  writeFileSync(join(folder, name), `x[0],x[1],y\n${lines.join('\n')}\n`);
}

test('a model that is measured by an error alone is validated by it, with the bits of the check', async () => {
  rows('learn.csv', 0);
  rows('held.csv', 1);
  const path = join(folder, 'm.pcn');
  const held = 'data.file("held.csv", x = f32[2], y = float)';
  writeFileSync(
    path,
    `pcn 1
import std/links
import std/learn
import std/data
model m {
  sense x: f32[2]
  node y: f32[1]
  link x -> y = links.dense()
}
train t of m on data.file("learn.csv", x = f32[2], y = float) {
  clamp x = sample.x
  clamp y = sample.y
  validate on ${held}
  method = learn.il(steps = 1)
  batch = 4
  epochs = 2
}
predict guess of m {
  clamp x = input.x
  read y = sum(y)
}
check error(guess.y, ${held}.y) <= 100
`,
  );
  const told = await nmcInProcess('train', path, '--device', 'reference', '--out', `${path}.run`, '--json');
  expect(told.stderr).toBe('');
  const events = jsonLines({ ...told, signal: null }) as {
    event: string;
    validation?: number;
    checks?: { value: number }[];
  }[];
  const epochs = events.filter((e) => e.event === 'epoch');
  expect(epochs.map((e) => Number.isFinite(e.validation))).toEqual([true, true]);
  expect(epochs[0]?.validation).not.toBe(epochs[1]?.validation);
  expect(events.at(-1)?.checks?.[0]?.value).toBe(epochs[1]?.validation);
});

test('data for it that lack a field are refused before anything is trained', async () => {
  const path = join(folder, 'lacks.pcn');
  writeFileSync(
    path,
    `pcn 1
import std/links
import std/learn
import std/data
model m {
  sense x: f32[2]
  node y: f32[1]
  link x -> y = links.dense()
}
train t of m on data.file("learn.csv", x = f32[2], y = float) {
  clamp x = sample.x
  clamp y = sample.y
  validate on data.file("held.csv", x = f32[2])
  method = learn.il(steps = 1)
  batch = 4
  epochs = 1
}
predict guess of m {
  clamp x = input.x
  read y = sum(y)
}
check error(guess.y, data.file("learn.csv", x = f32[2], y = float).y) <= 100
`,
  );
  const told = await nmcInProcess('train', path, '--device', 'reference', '--out', `${path}.run`, '--json');
  expect(told.code).toBe(2);
  expect(told.stderr).toContain('held.csv has no field `y`');
});
