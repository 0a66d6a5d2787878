/** The model that `nmc new` writes: whatever the columns are called, it checks, or the column is named. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { format } from '../../../compiler/1-syntax/format.ts';
import { newModel } from '../../../runtime/cli/training/new-model.ts';
import { describeFile } from '../../../runtime/data/describe-file.ts';
import { UserError } from '../../../runtime/support/errors.ts';
import { checkSource } from '../../support/check-source.ts';
import { greyPng, npyF32, npz, temporaryFolder } from './fixtures.ts';

const folder = temporaryFolder();
let files = 0;

function write(ending: string, content: string | Uint8Array): string {
  const path = join(folder, `${files++}.${ending}`);
  writeFileSync(path, content);
  return path;
}
const csv = (header: string, ...rows: string[]): string => write('csv', `${[header, ...rows].join('\n')}\n`);
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error) => (error instanceof UserError ? error.code : String(error)),
  );

describe('data without a name for what is predicted', () => {
  it('are predicted by their only column of words', async () => {
    const path = csv('width (cm),Höhe,id,kind of tree', '1.5,2,1,oak', '2.5,3,2,ash', '3,4,3,oak');
    const found = await describeFile(path, undefined);
    expect(found.target).toEqual({ kind: 'class', field: 'kind_of_tree', classes: 2, names: ['ash', 'oak'] });
    expect(found.inputs.map(({ name }) => name)).toEqual(['width_cm', 'Hohe']);
    expect(found.leftOut).toEqual([{ name: 'id', reason: 'it numbers the rows' }]);
  });

  it('are predicted by the folders that pictures lie in', async () => {
    const root = join(folder, 'pictures');
    for (const name of ['cat', 'owl']) {
      mkdirSync(join(root, name), { recursive: true });
      writeFileSync(
        join(root, name, '1.png'),
        greyPng(2, 3, (x, y) => x + y),
      );
    }
    const found = await describeFile(root, undefined);
    expect(found.target).toEqual({ kind: 'class', field: 'label', classes: 2, names: ['cat', 'owl'] });
    expect(found.inputs).toEqual([{ name: 'image', type: 'u8', shape: [3, 2] }]);
  });

  it('are refused where several columns could be meant, rather than guessed', async () => {
    expect(await codeOf(describeFile(csv('a,b', '1,2', '3,4'), undefined))).toBe('new/target');
    expect(await codeOf(describeFile(csv('a,u,v', '1,x,y', '3,z,w'), undefined))).toBe('new/target');
    expect(await codeOf(describeFile(csv('a,y', '1,2', '3,4'), 'price'))).toBe('new/target');
    expect(await codeOf(describeFile(csv('id,kind', '1,x', '2,y', '3,x'), undefined))).toBe('new/inputs');
  });
});

describe('a column of numbers to predict', () => {
  it('has classes where its values are all whole numbers from 0, and is a number elsewhere', async () => {
    const classes = csv('a,y', '0.5,0', '1.5,2', '2.5,1', '3.5,0');
    expect((await describeFile(classes, undefined)).target).toEqual({ kind: 'class', field: 'y', classes: 3 });
    const numbers = csv('a,y', '0.5,1', '1.5,3', '2.5,5', '3.5,7');
    expect((await describeFile(numbers, 'y')).target).toEqual({ kind: 'number', field: 'y', variance: 5 });
  });

  it('is predicted from the arrays of an NPZ file', async () => {
    const path = write('npz', npz({ x: npyF32([2, 3], [1, 2, 3, 4, 5, 6]), y: npyF32([2], [0.5, 1.5]) }));
    const found = await describeFile(path, undefined);
    expect(found).toMatchObject({ inputs: [{ name: 'x', shape: [3] }], target: { kind: 'number', variance: 0.25 } });
  });
});

describe('a new model', () => {
  const name = fc.oneof(
    fc.constantFrom('hidden', 'answer', 'answer_of', 'fit', 'm', 'nodes', 'links', 'x', 'h', 'sample', 'input', 'rate'),
    fc.stringMatching(/^[A-Za-z][A-Za-z0-9_ .()-]{0,12}$/),
  );
  it('checks without a diagnostic, or a column is refused whose name cannot be written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(name, { minLength: 2, maxLength: 6 }), fc.boolean(), async (names, words) => {
        const row = (n: number): string => names.map((_, i) => (i === 0 && words ? 'ab'[n % 2] : n * 1.5 + i)).join();
        const path = csv(names.join(), row(0), row(1), row(2), row(3));
        try {
          const text = newModel('m', 'd.csv', await describeFile(path, names[0]));
          expect(checkSource(text).diagnostics).toEqual([]);
          expect(format(text, 'm.pcn').value).toBe(text);
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          expect(error.code).toMatch(/^(new|data)\//);
        }
      }),
      { numRuns: 60 },
    );
  });
});
