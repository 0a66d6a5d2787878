/** Where the copies of synchronizers end, as they say, against the store. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chained, EMPTY } from '../../runtime/backplane/chain.ts';
import { openStreamCopy } from '../../runtime/backplane/stream-copy.ts';
import { answerHeads, askHeads, headDifferences } from '../../runtime/backplane/told-heads.ts';
import { memoryBackplane } from '../support/memory-backplane.ts';
import { temporaryFolder } from '../support/nmc.ts';

const folder = temporaryFolder();
const never = async (): Promise<number> => 0;

test('a copy that has more than the store, or something else, is told by its name', async () => {
  const store = memoryBackplane();
  for (let i = 0; i < 3; i++) for (const stream of ['log/a', 'log/b', 'log/c']) await store.append(stream, `${i}`);
  const copies = ['left', 'right'].map((name) => ({ name, copy: openStreamCopy(join(folder, name)) }));
  const [left, right] = copies.map(({ copy }) => copy);
  const chain = async (stream: string) => store.chain(stream, 1, 10);
  for (const stream of ['log/a', 'log/b']) left?.add(stream, await chain(stream));
  // More than the store, and another second record than it has.
  right?.add('log/a', [...(await chain('log/a')), chained('log/a', (await chain('log/a')).at(-1) ?? EMPTY, 'more')]);
  right?.add('log/b', [chained('log/b', EMPTY, 'other')]);
  const ends = copies.map(({ name, copy }) => answerHeads(store, copy, name));
  const told = await askHeads(store, 50);
  expect(told.map(({ name, heads, isWhole }) => [name, heads.size, isWhole])).toEqual([
    ['left', 2, true],
    ['right', 2, true],
  ]);
  const found = await Promise.all(told.map((each) => headDifferences(store, each, never)));
  expect(found).toMatchObject([
    [],
    [
      { stream: 'log/a', code: 'chain/behind', told: 'nats ends before record 4 of right' },
      { stream: 'log/b', code: 'chain/differs', told: 'record 1 is another one in right' },
    ],
  ]);
  // What the mesh has meant to forget is not missing.
  left?.add('log/c', [chained('log/c', EMPTY, '0')]);
  await store.trim('log/c', 3);
  const again = (await askHeads(store, 50)).filter(({ name }) => name === 'left');
  const of = async (forgotten: number) =>
    headDifferences(store, again[0] ?? { name: '', heads: new Map(), isWhole: true }, async () => forgotten);
  expect(await of(3)).toEqual([]);
  expect(await of(0)).toMatchObject([{ stream: 'log/c', code: 'chain/differs' }]);
  for (const end of ends) end();
  for (const { copy } of copies) copy.close();
});
