/** Training on your own files: what a run says and keeps of its data, and what later readings are held to. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeClassFolders } from '../support/class-folders.ts';
import { jsonLines, nmc, temporaryFolder } from '../support/nmc.ts';

const folder = temporaryFolder();

const MODEL = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model m {
  sense x: f32[4]
  node  y: f32[2] = nodes.gaussian()
  link x -> y = links.dense()
}

train il of m on data.file("ROWS", x = f32[4], label = int) {
  clamp x = sample.x
  clamp y = one_hot(sample.label, 2)
  method    = learn.il(steps = 2, rate = 0.1)
  optimizer = learn.adam(rate = 0.05)
  batch     = 7
  epochs    = 40
}

predict classify of m {
  clamp x = input.x
  read label = argmax(y)
}
`;

function write(name: string, rows: string, check = ''): string {
  writeFileSync(join(folder, name), `${MODEL.replace('ROWS', rows)}${check}`);
  return name;
}

function csv(rows: number, shift: number): string {
  const lines = Array.from({ length: rows }, (_, i) => [i / rows, (i + shift) / rows, 1, -i / rows, i % 2].join());
  return `x[0],x[1],x[2],x[3],label\n${lines.join('\n')}\n`;
}

test('samples that fill no batch are told to people and to programs, and recorded in the run', async () => {
  writeFileSync(join(folder, 'rows.csv'), csv(24, 0));
  const model = write('rows.pcn', 'rows.csv');
  const told = await nmc(['train', model, '--epochs', '1', '--out', 'told'], { cwd: folder });
  expect(told.stdout).toContain(
    'each epoch leaves out 3 of 24 samples, others each time: they do not fill a batch of 7',
  );
  const lines = jsonLines(await nmc(['train', model, '--epochs', '1', '--out', 'json', '--json'], { cwd: folder }));
  expect(lines[1]).toMatchObject({ event: 'epoch', leftOut: 3 });
  const config = JSON.parse(readFileSync(join(folder, 'json/config.json'), 'utf8')) as { settings: unknown };
  expect(config.settings).toMatchObject({ trainedOn: { leftOut: 3, train: { samples: 24 } } });
});

test('a file whose columns differ from those of training is refused for predictions', async () => {
  const predict = async (name: string, text: string): Promise<{ code: number | null; last: unknown }> => {
    writeFileSync(join(folder, name), text);
    const end = await nmc(['predict', 'told', '--input', name, '--json'], { cwd: folder });
    return { code: end.code, last: jsonLines(end).at(-1) };
  };
  expect(await predict('leak.csv', 'b,c,d,label\n1,2,3,0\n')).toMatchObject({
    ...{ code: 2, last: { event: 'error', code: 'data/columns' } },
  });
  expect(await predict('swapped.csv', 'x[3],x[2],x[1],x[0]\n1,2,3,4\n')).toMatchObject({ code: 0 });
});

test('a run whose data have changed is not resumed', async () => {
  writeFileSync(join(folder, 'changes.csv'), csv(700, 0));
  writeFileSync(join(folder, 'measured.csv'), csv(40, 0));
  const measured = 'check accuracy(classify.label, data.file("measured.csv", x = f32[4], label = int).label) >= 0';
  const model = write('changes.pcn', 'changes.csv', measured);
  let stopped = false;
  const first = await nmc(['train', model, '--epochs', '4000', '--out', 'run', '--json'], {
    cwd: folder,
    onLine: (line, child) => {
      if (stopped || !line.includes('"epoch"')) return;
      stopped = true;
      child.kill('SIGINT');
    },
  });
  expect(first.code).toBe(130);
  for (const [name, rows, shift] of [
    ['changes.csv', 800, 0],
    ['changes.csv', 700, 1],
    ['measured.csv', 40, 1],
  ] as const) {
    writeFileSync(join(folder, 'changes.csv'), csv(700, 0));
    writeFileSync(join(folder, name), csv(rows, shift));
    const resumed = await nmc(['train', '--resume', 'run', '--json'], { cwd: folder });
    expect(resumed.code).toBe(2);
    expect(jsonLines(resumed).at(-1)).toMatchObject({ event: 'error', code: 'data/changed' });
  }
  writeFileSync(join(folder, 'measured.csv'), csv(40, 0));
  write('changes.pcn', 'other.csv');
  const edited = await nmc(['train', '--resume', 'run', '--json'], {
    cwd: folder,
    onLine: (line, child) => void (line.includes('"epoch"') && child.kill('SIGINT')),
  });
  expect(edited.stderr).toContain('changes.pcn was edited since this run began: the run goes on with its own model');
});

test('classes of a check are numbered as in training, whatever its folder lacks', async () => {
  writeClassFolders(folder, 'classes.pcn');
  const trained = await nmc(['train', 'classes.pcn', '--out', 'classes', '--json'], { cwd: folder });
  expect(trained.code, trained.stderr).toBe(0);
  const evaluated = await nmc(['eval', 'classes', '--json'], { cwd: folder });
  expect(jsonLines(evaluated)[0]).toMatchObject({ checks: [{ value: 1, pass: true }] });
});
