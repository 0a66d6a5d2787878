/** A model of characters, from its text to what it writes. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { jsonLines, nmc, temporaryFolder } from '../support/nmc.ts';
import { nmcInProcess } from '../support/nmc-in-process.ts';
import { tokenizerJson } from '../support/tokenizer-json.ts';

const folder = temporaryFolder();
const run = (...args: string[]): ReturnType<typeof nmc> => nmc(args, { cwd: folder });

const MODEL = `pcn 1
import std/nodes
import std/links
import std/learn
import std/data

model m {
  sense text: f32[6]
  node x:    f32[6, 4]
  node next: f32[6, 3] = nodes.cross_entropy()
  link text -> x = links.embedding(vocabulary = 3, positions = false, init = normal(1))
  link x -> next = links.tokenwise()
}
train t of m on data.text("round.txt", window = 6, stride = 1).train {
  clamp text = sample.text
  clamp next = one_hot(sample.next, 3)
  validate on data.text("round.txt", window = 6).validation
  method = learn.bp()
  optimizer = learn.adam(rate = 0.1)
  batch = 8
  epochs = 2
}
predict continue of m {
  clamp text = input.text
  read next = next
  read best = argmax(next)
}
check perplexity(continue.next, data.text("round.txt", window = 6).test.next) <= 1.1
check top(2, continue.next, data.text("round.txt", window = 6).test.next) >= 1
check accuracy(continue.best, data.text("round.txt", window = 6).test.next) >= 1
check auc(2, continue.next, data.text("round.txt", window = 6).test.next) >= 1
check precision(2, continue.best, data.text("round.txt", window = 6).test.next) >= 1
check recall(2, continue.best, data.text("round.txt", window = 6).test.next) >= 1
`;

beforeAll(async () => {
  writeFileSync(join(folder, 'round.txt'), 'abc'.repeat(100));
  writeFileSync(join(folder, 'm.pcn'), MODEL);
  const trained = await run('train', 'm.pcn', '--out', 'run', '--json', '--seed', '1');
  expect(trained).toMatchObject({ code: 0, stderr: '' });
  const done = jsonLines(trained).find((line) => line.event === 'done');
  const all = { value: 1, pass: true };
  expect(done?.checks).toMatchObject([{ pass: true }, all, all, all, all, all]);
}, 120_000);

test('goes on with the text, also beyond its window', async () => {
  const written = await run('predict', 'run', '--prompt', 'b', '--tokens', '10', '--temperature', '0');
  expect(written).toMatchObject({ code: 0, stdout: 'bcabcabcabc\n', stderr: '' });
});

test('says every character and all of them as JSON, the same ones for the same seed', async () => {
  const args = ['predict', 'run', '--prompt', 'cab', '--tokens', '5', '--temperature', '50', '--seed', '3', '--json'];
  const [one, again] = [await run(...args), await run(...args)];
  expect(one.stdout).toBe(again.stdout);
  const events = jsonLines(one);
  const texts = events.filter((e) => e.event === 'token').map((e) => String(e.text));
  expect(texts).toHaveLength(5);
  expect(events.at(-1)).toMatchObject({ event: 'done', prompt: 'cab', text: texts.join(''), seed: 3 });
});

test.each([
  [['--prompt', 'abd'], 'predict/prompt', 'of the prompt, character 3, "d", is not among the 3'],
  [['--prompt', ''], 'predict/prompt', 'the prompt is empty'],
  [['--prompt', 'a', '--temperature', 'warm'], 'usage/number', '--temperature needs a number from 0 to 100'],
  [['--prompt', 'a', '--input', 'round.txt'], 'usage/input', 'takes no --input'],
  [['--tokens', '3'], 'usage/input', 'give --prompt TEXT'],
])('refuses %j', async (options, code, words) => {
  const refused = await run('predict', 'run', ...options);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain(code);
  expect(refused.stderr).toContain(words);
});

test('predicts from a file of text, window by window', async () => {
  writeFileSync(join(folder, 'more.txt'), 'abcabcbcabcaca');
  const predicted = await nmcInProcess('predict', join(folder, 'run'), '--input', join(folder, 'more.txt'), '--json');
  expect(predicted).toMatchObject({ code: 0, stderr: expect.stringContaining('the last 2 of 14 characters') });
  expect(jsonLines({ ...predicted, signal: null })).toMatchObject([
    { input: '1', best_class: ['b', 'c', 'a', 'b', 'c', 'a'] },
    { input: '2', best_class: ['c', 'a', 'b', 'c', 'a', 'b'] },
  ]);
});

test('writes what is read as what, and replaces its own report alone', async () => {
  const evaluated = await run('eval', 'run', '--report', 'report', '--json');
  expect(evaluated).toMatchObject({ code: 0, stderr: '' });
  const names = [
    'confusion.csv',
    'confusion.svg',
    'classes.csv',
    'confusion-2.csv',
    'confusion-2.svg',
    'classes-2.csv',
  ];
  const files = [...names, 'report.json', 'report.html'];
  expect(jsonLines(evaluated)).toMatchObject([{ event: 'eval', report: 'report', files }]);
  expect(readdirSync(join(folder, 'report')).sort()).toEqual([...files].sort());
  const read = (name: string): string => readFileSync(join(folder, 'report', name), 'utf8');
  // Two windows of six characters, each of them right.
  expect(read('confusion.csv')).toBe('class,a,b,c\r\na,4,0,0\r\nb,0,4,0\r\nc,0,0,4\r\n');
  expect(read('classes-2.csv')).toBe('class,count,read,precision,recall\r\na,4,4,1,1\r\nb,4,4,1,1\r\nc,4,4,1,1\r\n');
  expect(read('report.html')).toContain('continue.next beside next of round.txt.test');
  expect(JSON.parse(read('report.json'))).toMatchObject({
    ...{ format: 'nmc-eval-1', run: expect.stringContaining('run'), model: 'm', task: 't', seed: 1 },
    tables: [
      {
        read: 'continue.next',
        accuracy: 1,
        confusion: [
          [4, 0, 0],
          [0, 4, 0],
          [0, 0, 4],
        ],
      },
      { read: 'continue.best' },
    ],
  });
  writeFileSync(join(folder, 'report', 'mine.txt'), 'kept');
  const refused = await run('eval', 'run', '--report', 'report');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('error[eval/folder]: report holds mine.txt');
});

test('is measured on a text of the same characters alone', async () => {
  writeFileSync(join(folder, 'other.txt'), 'abd'.repeat(100));
  writeFileSync(join(folder, 'other.pcn'), MODEL.replaceAll('round.txt', 'other.txt'));
  const refused = await run('eval', 'run', '--model', 'other.pcn');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('data/classes');
});

describe('a text of tokens', () => {
  const at = (name: string): string => join(folder, name);
  const TEXT = 'one two six '.repeat(60);
  const json = tokenizerJson(TEXT, 12);
  const size = Object.keys(json.model.vocab).length + 1;
  const NAMED = 'data.text("words.txt", window = 6, tokenizer = "words.json"';
  // Not every token is in the text, and of those that are not there are no shares.
  const model = MODEL.replace(/check (auc|precision|recall).*\n/g, '')
    .replaceAll('data.text("round.txt", window = 6', NAMED)
    .replace('= 3, positions', `= ${size}, positions`);

  beforeAll(() => {
    writeFileSync(at('words.txt'), TEXT);
    writeFileSync(at('words.json'), JSON.stringify(json));
    writeFileSync(at('words.pcn'), model.replace('6, 3]', `6, ${size}]`).replace('next, 3)', `next, ${size})`));
  });

  test('is learnt, and its run needs the file of the tokens no more', async () => {
    const trained = await nmcInProcess(
      'train',
      at('words.pcn'),
      '--out',
      at('words'),
      '--json',
      '--seed',
      '1',
      '--epochs',
      '8',
    );
    expect(trained).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(at('words/tokenizer.json'), 'utf8')).toBe(JSON.stringify(json));
    rmSync(at('words.json'));
    const written = await nmcInProcess(
      'predict',
      at('words'),
      '--prompt',
      'one two',
      '--tokens',
      '6',
      '--temperature',
      '0',
    );
    expect(written).toMatchObject({ code: 0, stdout: 'one two six one two six one two\n', stderr: '' });
    const resumed = await nmcInProcess('train', '--resume', at('words'), '--epochs', '+1', '--json');
    expect(resumed).toMatchObject({ code: 0, stderr: '' });
  });

  test('is refused with other tokens than its run began with', async () => {
    writeFileSync(at('words/tokenizer.json'), JSON.stringify(tokenizerJson(TEXT, 3)));
    for (const command of [
      ['predict', at('words'), '--prompt', 'one'],
      ['train', '--resume', at('words'), '--epochs', '+1'],
    ]) {
      const refused = await nmcInProcess(...command);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toMatch(/error\[data\/(changed|classes)\]/);
    }
  });
});
