/** Columns of a file that are a field by their position: other names at those places are another field. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assertColumns, elementNumber, keptColumns } from '../../../runtime/data/column-names.ts';
import { type Dataset, slice } from '../../../runtime/data/dataset.ts';
import { sequences } from '../../../runtime/data/sequences.ts';
import { openFile } from '../../../runtime/data/sources/file.ts';
import { npyF32, npz, parquet, temporaryFolder } from './fixtures.ts';

const folder = temporaryFolder();
let files = 0;

function open(ending: string, content: string | Uint8Array): Promise<Dataset> {
  const path = join(folder, `${files++}.${ending}`);
  writeFileSync(path, content);
  return openFile(path, [{ name: 'x', type: 'f32', shape: [3] }], 1);
}

const table = (...names: string[]): Uint8Array =>
  parquet(names.map((name, i) => ({ name, data: [i, i + 0.5], type: 'DOUBLE' as const })));

describe('a field that training read from columns by their position', () => {
  it.each([
    ['in another order', 'csv', 'b,a,c\n1,2,3\n'],
    ['the answer among them', 'csv', 'b,c,label\n1,2,3\n'],
    ['in Parquet', 'parquet', table('c', 'b', 'a')],
  ])('is not read from other columns: %s', async (_, ending, content) => {
    const { columns } = await open('csv', 'a,b,c\n1,2,3\n4,5,6\n');
    const other = await open(ending, content);
    expect(() => assertColumns(other, columns)).toThrow(/training read a, b, c/);
    expect(() => assertColumns(slice(other, 0, 0), columns)).toThrow(expect.objectContaining({ code: 'data/columns' }));
  });

  it.each([
    ['the same columns', 'csv', 'a,b,c\n1,2,3\n'],
    ['the same beside words', 'csv', 'who,a,b,c\nz,1,2,3\n'],
    ['the same in Parquet', 'parquet', table('a', 'b', 'c')],
    ['numbered ones, which say themselves what they are', 'csv', 'x[2],x[1],x[0]\n1,2,3\n'],
    ['columns without names', 'csv', '1,2,3\n4,5,6\n'],
    ['an array', 'npz', npz({ x: npyF32([2, 3], [1, 2, 3, 4, 5, 6]) })],
  ])('is read from %s', async (_, ending, content) => {
    const { columns } = await open('csv', 'a,b,c\n1,2,3\n4,5,6\n');
    assertColumns(await open(ending, content), columns);
  });

  it('is not bound to columns where training had an array', async () => {
    const { columns } = await open('npz', npz({ x: npyF32([2, 3], [1, 2, 3, 4, 5, 6]) }));
    assertColumns(await open('csv', 'p,q,r\n1,2,3\n'), columns);
  });
});

it('a part of the data has the columns of the whole, and a run keeps them where they are not too many', async () => {
  const whole = await open('csv', 'a,b,c\n1,2,3\n4,5,6\n');
  expect(keptColumns(sequences(slice(whole, 0, 1), 2))).toEqual({ x: ['a', 'b', 'c'] });
  const wide = Array.from({ length: 5000 }, (_, i) => `c${i}`);
  expect(keptColumns({ name: 'wide', columns: { x: wide } })).toBeUndefined();
});

it('an element of a field is a column named by the field and a number', () => {
  expect(['x[3]', 'x.3', 'x_3', 'x3', 'x[003]'].map((name) => elementNumber('x', name))).toEqual([3, 3, 3, 3, 3]);
  expect(['x', 'y3', 'x[3', 'x-3', 'x3a', 'ax3'].map((name) => elementNumber('x', name))).toEqual(
    Array.from({ length: 6 }, () => undefined),
  );
});
