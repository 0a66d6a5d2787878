/** `validate on` measures what the model's checks measure, even where that is not an accuracy. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { jsonLines, temporaryFolder } from '../support/nmc.ts';
import { nmcInProcess } from '../support/nmc-in-process.ts';

const folder = temporaryFolder();

function rows(name: string, shift: number): void {
  const lines = Array.from({ length: 8 }, (_, i) => [Math.sin(i + shift), Math.cos(i), shift - i / 8].join());
  writeFileSync(join(folder, name), `x[0],x[1],y\n${lines.join('\n')}\n`);
}

const LEARN = 'data.file("learn.csv", x = f32[2], y = float)';
const HELD = 'data.file("held.csv", x = f32[2], y = float)';

function model(name: string, validation: string, checks: string): string {
  const path = join(folder, name);
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
train t of m on ${LEARN} {
  clamp x = sample.x
  clamp y = sample.y
  validate on ${validation}
  method = learn.il(steps = 1)
  batch = 4
  epochs = 2
}
predict guess of m {
  clamp x = input.x
  read y = sum(y)
}
check error(guess.y, ${checks}.y) <= 100
`,
  );
  return path;
}

const train = (path: string) => nmcInProcess('train', path, '--device', 'reference', '--out', `${path}.run`, '--json');

test('a model that is measured by an error alone is validated by it, with the bits of the check', async () => {
  rows('learn.csv', 0);
  rows('held.csv', 1);
  const told = await train(model('m.pcn', HELD, HELD));
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

test('validation data that lack a field are refused before anything is trained', async () => {
  const told = await train(model('lacks.pcn', 'data.file("held.csv", x = f32[2])', LEARN));
  expect(told.code).toBe(2);
  expect(told.stderr).toContain('held.csv has no field `y`');
});

test('a training without a check says that nothing tells what to measure', async () => {
  rows('learn.csv', 0);
  rows('held.csv', 1);
  const path = model('unmeasured.pcn', HELD, HELD);
  writeFileSync(path, readFileSync(path, 'utf8').replace(/^check .*$/m, ''));
  const told = await train(path);
  expect(told.code).toBe(0);
  expect(told.stderr).toContain('`validate on` measures nothing: the model has no check that says what to measure');
});
