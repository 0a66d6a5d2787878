/** The chain of hashes of a stream, and databases of versions that had none. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { expect, test } from 'vitest';
import type { ChainedRecord } from '../../../runtime/backplane/backplane.ts';
import { chained, chainHash, chainProblem, EMPTY } from '../../../runtime/backplane/chain.ts';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { temporaryFolder } from '../../support/nmc.ts';

const folder = temporaryFolder();

test('a hash covers all that a record is, as the description says', () => {
  // printf '{"previous":"00…0","sequence":1,"stream":"log","value":"a\\n"}' | sha256sum
  expect(chainHash('log', 1, EMPTY.hash, 'a\n')).toBe(
    'd5c6bc5ffbfd8531fd274dc5b92154ecaf97e868e0532f4183572130d0e9ef52',
  );
  const first = chained('log', EMPTY, 'a');
  const second = chained('log', first, 'b');
  expect(chainProblem('log', second, first)).toBeUndefined();
  const changed: ChainedRecord[] = [
    { ...second, value: 'c' },
    { ...second, sequence: 3 },
    { ...second, previous: EMPTY.hash },
    { ...second, hash: first.hash },
  ];
  for (const record of changed) expect(chainProblem('log', record)).toMatch(/does not have its hash/);
  expect(chainProblem('other', second)).toMatch(/does not have its hash/);
  expect(chainProblem('log', second, EMPTY)).toBe('record 2 follows record 0');
  expect(chainProblem('log', second, chained('log', EMPTY, 'x'))).toMatch(/behind another record 1/);
});

test('records of a database without a chain get theirs when it is opened', async () => {
  const state = join(folder, 'earlier');
  mkdirSync(state);
  const database = new Database(join(state, 'state.db'));
  database.exec(`CREATE TABLE record (
    stream TEXT NOT NULL, sequence INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (stream, sequence)
  ) WITHOUT ROWID;
  INSERT INTO record VALUES ('a', 3, 'x'), ('a', 4, 'y'), ('b', 1, 'z')`);
  database.close();
  for (let opened = 0; opened < 2; opened++) {
    const backplane = embeddedBackplane(state);
    const [third, fourth] = await backplane.chain('a', 1, 9);
    expect(third).toMatchObject({ sequence: 3, value: 'x', hash: chainHash('a', 3, EMPTY.hash, 'x') });
    expect(fourth && chainProblem('a', fourth, third)).toBeUndefined();
    expect(await backplane.append('b', 'next')).toBe(2 + opened);
    await backplane.close();
  }
});
