/** Answers of a server are audited against the weights of a run. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verdictOf } from '../../../runtime/cli/mesh/answer-verdict.ts';
import { compared } from '../../../runtime/cli/mesh/compare-answers.ts';
import { openPredictor } from '../../../runtime/cli/training/run-predictor.ts';
import { answerTo } from '../../../runtime/serve/answer.ts';
import { signAnswer } from '../../../runtime/wire/signed-answer.ts';
import { keyOf, keysOf } from '../../support/ledger.ts';
import { writeTiny } from '../../support/nmc.ts';
import { nmcInProcess } from '../../support/nmc-in-process.ts';
import { removeFolder } from '../../support/remove-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'nmc-answers-'));
afterAll(() => removeFolder(folder));
const SERVER = keysOf(91);
const request = JSON.stringify({ image: Array.from({ length: 784 }, (_, i) => i % 7) });
let weights = '';
let answer = '';

beforeAll(async () => {
  const model = writeTiny(folder, { epochs: 1 });
  const out = join(folder, 'run');
  expect((await nmcInProcess('train', model, '--limit', '32', '--out', out, '--device', 'reference')).code).toBe(0);
  const predictor = await openPredictor(out, 'reference', undefined, undefined, true);
  weights = predictor.weights ?? '';
  answer = (await answerTo({ plan: predictor.plan, shard: predictor.shard }, 'classify', Buffer.from(request))).body;
  await predictor.shard.close();
}, 30_000);

const exchangeOf = (said: string) => ({ request: Buffer.from(request), answer: Buffer.from(said) });

/** A file of one answer. */
function written(said: string, of = weights, signed = said): string {
  const word = { weights: of, version: '1', task: 'classify', at: 1000 };
  const path = join(folder, 'answers.jsonl');
  const line = { format: 'nmc/answer/1', request, answer: said, word: signAnswer(word, exchangeOf(signed), SERVER) };
  writeFileSync(path, `${JSON.stringify(line)}\n`);
  return path;
}

async function audited(file: string): Promise<{ code: number; verdict: string }> {
  const { code, stdout, stderr } = await nmcInProcess('audit', join(folder, 'run'), '--answer', file, '--json');
  expect(stderr).toBe('');
  const { verdict, by } = JSON.parse(stdout) as { verdict: string; by: string };
  expect(by).toBe(keyOf(SERVER));
  return { code, verdict };
}

test('an answer that the weights give holds', async () => {
  expect((await audited(written(answer))).code).toBe(0);
});

test('an answer of other weights, one that the weights do not give, and one that was changed behind the server are named', async () => {
  expect(await audited(written(answer, 'f'.repeat(64)))).toEqual({ code: 1, verdict: 'weights' });
  const row = JSON.parse(answer) as { digit: number; digit_scores: number[] };
  const scores = row.digit_scores.map((score, i) => (i === 0 ? score + 0.5 : score));
  expect(await audited(written(JSON.stringify({ ...row, digit_scores: scores })))).toEqual({
    code: 1,
    verdict: 'mismatch',
  });
  expect(await audited(written(answer.replace('digit', 'digis'), weights, answer))).toEqual({
    code: 1,
    verdict: 'forged',
  });
});

test('an answer of weights that are not the newest is stale', async () => {
  const { run: _run, ...opened } = await openPredictor(join(folder, 'run'), 'reference', undefined, undefined, true);
  const word = signAnswer({ weights, version: '1', task: 'classify', at: 1000 }, exchangeOf(answer), SERVER);
  const verdict = await verdictOf({ version: '120', ...opened }, { request, answer, word }, false);
  expect(verdict).toEqual({ verdict: 'stale', version: '120' });
  await opened.shard.close();
});

test('a file that holds no answers is refused', async () => {
  const path = join(folder, 'none.jsonl');
  for (const text of ['', 'x\n']) {
    writeFileSync(path, text);
    expect((await nmcInProcess('audit', join(folder, 'run'), '--answer', path)).stderr).toContain('answer/format');
  }
});

describe('two answers', () => {
  const row = { digit: 1, digit_scores: [0.1, 0.4, 0.4] };

  test.each([
    ['the same', row, row, undefined],
    ['numbers that are near', row, { ...row, digit_scores: [0.1, 0.4004, 0.4] }, true],
    ['a class of all but the same score', row, { ...row, digit: 2 }, true],
    ['another class', { ...row, digit: 0 }, row, false],
    ['another number', { y: 1.5 }, { y: 1.52 }, false],
    ['another number of rows', [row], [row, row], false],
    ['a field that is not there', { y: 1 }, {}, false],
  ])('%s', (_name, told, own, isNear) => {
    expect(compared(told, own)?.isNear).toBe(isNear);
  });
});
