/** Refusals, and who makes them: the list that measurements are held to, and the table that people read. */
import { expect, test } from 'vitest';
import { LISTED_REFUSALS, type Refusals, refusalsDifference } from '../../acceptance/refusals.ts';
import { readText } from '../../support/repository.ts';

const WAYS = ['shards', 'deploy', 'page'];

test('the table in docs/operator.md is the list of refusals', () => {
  const [, section = ''] = readText('docs/operator.md').split('## Refused by name\n');
  const [, , ...rows] = section.split('\n').filter((line) => line.startsWith('|'));
  const listed = LISTED_REFUSALS.map(({ what, refusals }) => [
    what,
    ...WAYS.map((way) => (refusals[way] === undefined ? '' : `\`${refusals[way]}\``)),
  ]);
  expect(
    rows.map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    ),
  ).toEqual(listed);
});

test('a refusal that is not listed is reported, and so is a listed one that does not occur', () => {
  const kept = { shards: 'train/last', deploy: 'train/last', page: 'train/last' };
  const found = new Map<string, Refusals>([
    ['digits.pcn: il', {}],
    ['mnist.pcn: il', { page: 'data/page' }],
    ['digits.pcn: il, last = keep', kept],
  ]);
  expect(refusalsDifference(found)).toEqual([]);
  expect(refusalsDifference(new Map([['digits.pcn: il', { deploy: 'mesh/odd' }]]))).toEqual([
    'digits.pcn: il: deploy refuses by mesh/odd, listed is nothing',
  ]);
  expect(refusalsDifference(new Map([['mnist.pcn: il', {}]]))).toEqual([
    'mnist.pcn: il: page refuses by nothing, listed is data/page',
  ]);
});
