/** Files that can be read in two ways, or hold what no device can: readers refuse them and say what to write. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { alignClasses } from '../../../runtime/data/classes.ts';
import type { Dataset, Field } from '../../../runtime/data/dataset.ts';
import { assertUnchanged, fingerprintOf } from '../../../runtime/data/fingerprint.ts';
import { parseJsonLines } from '../../../runtime/data/formats/json-lines.ts';
import { openFile } from '../../../runtime/data/sources/file.ts';
import { greyPng, idx, npy, npyF32, npz, parquet, temporaryFolder } from './fixtures.ts';

const folder = temporaryFolder();
const f32 = (name: string, ...shape: number[]): Field => ({ name, type: 'f32', shape });
const i32 = (name: string): Field => ({ name, type: 'i32', shape: [] });

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function values(dataset: Dataset, name: string): number[] {
  const field = dataset.fields.find((f) => f.name === name) as Field;
  const length = dataset.length * field.shape.reduce((a, b) => a * b, 1);
  const out = field.type === 'f32' ? new Float32Array(length) : new Int32Array(length);
  dataset.gather(
    name,
    Uint32Array.from({ length: dataset.length }, (_, i) => i),
    out,
  );
  return [...out];
}

const csv = async (text: string, ...fields: Field[]): Promise<number[]> =>
  values(await openFile(write('t.csv', text), fields, 1), fields[0]?.name ?? '');
const csvProblem = (text: string, ...fields: Field[]): Promise<unknown> =>
  openFile(write('t.csv', text), fields.length > 0 ? fields : undefined, 1);

describe('a first row of CSV', () => {
  it('holds names where it has words, and a sample where it has numbers', async () => {
    expect(await csv('a,b\n1,2\n', f32('a'))).toEqual([1]);
    expect(await csv('1,2\n3,4\n', f32('x', 2))).toEqual([1, 2, 3, 4]);
    expect(await csv('1,2,3\n4,5,6\n', f32('x', 3))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await csv('1,2,3\n', f32('x', 3))).toEqual([1, 2, 3]);
    expect(await csv('0.1,0.2,0.3\n0.2,0.3,0.4\n', f32('x', 3))).toHaveLength(6);
    expect(await csv('name,1990,1991\n7,1,2\n', f32('name'))).toEqual([7]);
  });

  it.each([
    ['numbers of columns, as pandas writes them', '0,1,2\n.5,.6,.7\n'],
    ['an index of rows beside them', ',0,1\n0,.5,.6\n'],
    ['one column 0', '0\n.5\n'],
    ['numbers of columns from 1 on', '1,2,3\n.5,.6,.7\n'],
    ['such numbers with a point', '0.0,1.0,2.0\n.5,.6,.9\n'],
    ['numbers that grow by a step', '-0.1,0,0.1\n.5,.6,.9\n'],
    ['years', '2019,2020,2021\n7,7,9\n'],
    ['a sample with a label of text', '5.1,3.5,setosa\n4.9,3.0,setosa\n'],
  ])('is refused where it could be either: %s', async (_, text) => {
    await expect(csvProblem(text, f32('x', 2))).rejects.toThrow(/row 1: `.*` are names, or a sample/);
  });
});

describe('a column of CSV', () => {
  it('is refused where its first cell is empty, and not taken for text', async () => {
    await expect(csvProblem('a,b,label\n,2,0\n1,2,1\n', f32('x', 2))).rejects.toThrow(
      'row 2, column `a`: the cell is empty',
    );
    await expect(csvProblem('a,b\nNaN,2\n1,2\n', f32('x', 2))).rejects.toThrow(
      'row 2, column `a`: "NaN" is not a number',
    );
  });

  it('is refused where it begins with text, goes on with numbers and could be meant', async () => {
    await expect(csvProblem('a,b,c\nlow,1,2\n3,1,2\n', f32('x', 2))).rejects.toThrow(
      'row 2, column `a`: "low" is not a number, but row 3 has 3',
    );
    expect(await csv('a,b,c\nlow,1,2\n3,1,2\n', f32('b'))).toEqual([1, 1]);
  });

  it.each([
    ['it is empty in all rows', 'a,b,c,label\n,1,2,0\n,3,4,1\n', 'row 2, column `a`: the cell is empty'],
    ['all its values are missing', 'a,b,c,label\nNA,1,2,0\nNA,3,4,1\n', 'column `a`: "NA" is not a number'],
    ['it holds true and false', 'a,b,c,label\nTrue,1,2,0\nFalse,3,4,1\n', 'column `a`: "True" is not a number'],
    ['it has commas for points', 'a;b;c;label\n1,5;1;2;0\n2,5;3;4;1\n', 'column `a`: "1,5" is not a number'],
    ['it has thousands', 'a,b,c,label\n"1,234",1,2,0\n"2,345",3,4,1\n', 'column `a`: "1,234" is not a number'],
  ])('is refused where another column would take its place: %s', async (_, text, problem) => {
    await expect(csvProblem(text, f32('x', 3))).rejects.toThrow(problem);
    expect(await csv(text, f32('b'))).toEqual([1, 3]);
  });

  it('is left out where it holds names or dates, and where a comma at the end makes it', async () => {
    expect(await csv('a,b,c\nx,1,2\ny,3,4\n', f32('x', 2))).toEqual([1, 2, 3, 4]);
    expect(await csv('a,b,c\n2024-01-02,1,2\n03.01.2024,3,4\n', f32('x', 2))).toEqual([1, 2, 3, 4]);
    expect(await csv('1,2,\n3,4,\n', f32('x', 2))).toEqual([1, 2, 3, 4]);
    expect(await csv('a,b,\n1,2,\n3,4,\n', f32('x', 2))).toEqual([1, 2, 3, 4]);
  });

  it('is refused where it has whole numbers beyond those that devices hold exactly', async () => {
    await expect(csvProblem('t\n16777217\n', i32('t'))).rejects.toThrow('16777217 is a whole number that 32 bits');
    await expect(csvProblem('t\n3000000001\n', f32('t'))).rejects.toThrow('3000000001 is a whole number that 32 bits');
    expect(await csv('t\n16777216\n', i32('t'))).toEqual([16777216]);
    expect(await csv('t\n3000000001.5\n1\n', f32('t'))).toEqual([Math.fround(3000000001.5), 1]);
  });
});

describe('wide columns', () => {
  const wanted = f32('x', 3);
  const columns = [2, 0, 1].map((i) => ({ name: `x[${i}]`, data: [i + 0.5, i + 10.5] }));
  const rows = [0, 1].map((r) => Object.fromEntries(columns.map(({ name, data }) => [name, data[r]])));

  it('are one field in every format, by their numbers', async () => {
    const text = `${columns.map((c) => c.name).join()}\n2.5,0.5,1.5\n12.5,10.5,11.5\n`;
    const files = [
      write('w.csv', text),
      write('w.jsonl', rows.map((row) => JSON.stringify(row)).join('\n')),
      write('w.parquet', parquet(columns)),
    ];
    for (const file of files) {
      const dataset = await openFile(file, [wanted], 1);
      expect(values(dataset, 'x'), file).toEqual([0.5, 1.5, 2.5, 10.5, 11.5, 12.5]);
    }
  });

  it('are one field even where no fields are asked for', async () => {
    const lines = rows.map((row) => JSON.stringify({ ...row, k: 1 })).join('\n');
    const table = parseJsonLines('w.jsonl', lines, undefined);
    expect(table.columns.map(({ field }) => field)).toEqual([f32('x', 3), f32('k')]);
    expect([...(table.columns[0]?.data ?? [])]).toEqual([0.5, 1.5, 2.5, 10.5, 11.5, 12.5]);
    expect(() => parseJsonLines('w.jsonl', '{"x": 1, "x[0]": 2}', undefined)).toThrow('there are a column `x`');
  });

  it.each([
    ['a gap', 'x[0],x[2],x[3]', '`x` has no column 1'],
    ['none at the beginning', 'x[2],x[3],x[4]', '`x` has no column 0'],
    ['a number twice', 'x_0,x0,x1', '`x` has two columns 0'],
  ])('with %s are refused', async (_, header, problem) => {
    await expect(csvProblem(`${header}\n1,2,3\n`, wanted)).rejects.toThrow(problem);
  });
});

describe('shapes', () => {
  const u1 = (shape: number[]): Uint8Array =>
    npy('|u1', [1, ...shape], new Uint8Array(shape.reduce((a, b) => a * b, 1)));
  const open = (shape: number[], ...to: number[]): Promise<Dataset> =>
    openFile(write('s.npz', npz({ x: u1(shape) })), [{ name: 'x', type: 'u8', shape: to }], 1);

  it('of the same size in another order are refused, with the transposition that is needed', async () => {
    await expect(open([3, 4, 4], 4, 4, 3)).rejects.toThrow('`x` is u8[3, 4, 4] per sample, but u8[4, 4, 3] is needed');
    await expect(open([3, 4, 4], 4, 4, 3)).rejects.toMatchObject({
      repair: expect.stringContaining('numpy.transpose(x, (0, 2, 3, 1))'),
    });
    await expect(open([2, 6], 3, 4)).rejects.toThrow('but u8[3, 4] is needed');
  });

  it('that mean the same are taken: flat lists, and axes of length 1', async () => {
    for (const [from, to] of [
      [[16], [4, 4]],
      [[4, 4], [16]],
      [
        [4, 4, 1],
        [4, 4],
      ],
      [
        [1, 4, 4],
        [4, 4, 1],
      ],
    ] as const)
      expect((await open([...from], ...to)).length).toBe(1);
  });

  it('count for nested lists of JSON, too', async () => {
    const json = (value: unknown): Promise<Dataset> =>
      openFile(write('s.jsonl', JSON.stringify({ x: value })), [f32('x', 2, 3)], 1);
    expect(values(await json([[1, 2, 3], [4, 5, 6]]), 'x')).toEqual([1, 2, 3, 4, 5, 6]); // biome-ignore format: as nested
    await expect(json([[1, 2], [3, 4], [5, 6]])).rejects.toThrow('lists of [3, 2], but [2, 3] are needed'); // biome-ignore format: as nested
    await expect(json([[1], [2, 3, 4, 5, 6]])).rejects.toThrow('not all of one length');
  });
});

describe('numbers that are not finite', () => {
  it.each([
    ['NPZ', 'n.npz', npz({ x: npyF32([3], [1, Number.NaN, 2]) }), 'row 2 of 3, `x`: NaN is not a finite number'],
    ['NPY', 'n.npy', npyF32([2], [1, -Infinity]), 'row 2 of 2, `x`: -Infinity is not a finite number'],
    [
      'Parquet',
      'n.parquet',
      parquet([{ name: 'x', data: [0.5, Infinity] }]),
      'row 2 of 2, `x`: Infinity is not a finite',
    ],
  ])('are refused where they occur: %s', async (_, name, bytes, problem) => {
    await expect(openFile(write(name, bytes), [f32('x')], 1)).rejects.toThrow(problem);
  });
});

describe('folders of classes', () => {
  function pictures(root: string, classes: Readonly<Record<string, number>>): string {
    for (const [name, count] of Object.entries(classes)) {
      mkdirSync(join(folder, root, name), { recursive: true });
      for (let i = 0; i < count; i++)
        write(
          join(root, name, `${i}.png`),
          greyPng(2, 2, () => i),
        );
    }
    return join(folder, root);
  }

  it('are numbered without the files that other programs keep beside them', async () => {
    const path = pictures('train', { cat: 1, dog: 2, owl: 1, '.ipynb_checkpoints': 0, __MACOSX: 1 });
    const dataset = await openFile(path, undefined, 1);
    expect(values(dataset, 'label')).toEqual([0, 1, 1, 2]);
    expect(dataset.classes).toEqual({ label: ['cat', 'dog', 'owl'] });
  });

  it('that are links count as other classes do', async () => {
    const path = pictures('linked', { cat: 1, owl: 1 });
    symlinkSync(join(pictures('elsewhere', { dog: 2 }), 'dog'), join(path, 'dog'));
    const dataset = await openFile(path, undefined, 1);
    expect(dataset.classes).toEqual({ label: ['cat', 'dog', 'owl'] });
    expect(values(dataset, 'label')).toEqual([0, 1, 1, 2]);
  });

  it.each([
    ['case', 'cat', 'Cat'],
    ['a blank at the end', 'cat', 'cat '],
    ['how an accent is encoded', 'caf\u00e9', 'cafe\u0301'],
  ])('that differ only in %s are refused', async (what, one, other) => {
    const path = pictures(`alike-${what.length}`, { [one]: 1, [other]: 1 });
    await expect(openFile(path, undefined, 1)).rejects.toThrow('two classes, or one written in two ways');
  });

  it('are the same class in another encoding, and no class of training in another case', async () => {
    const train = await openFile(pictures('composed', { ant: 1, 'caf\u00e9': 1 }), undefined, 1);
    const test = await openFile(pictures('decomposed', { 'cafe\u0301': 2 }), undefined, 1);
    expect(values(alignClasses(test, train.classes, ['label']), 'label')).toEqual([1, 1]);
    const other = await openFile(pictures('upper', { Ant: 1 }), undefined, 1);
    expect(() => alignClasses(other, train.classes, ['label'])).toThrow('has the class "Ant", and the training data');
  });

  it('with an empty class are refused', async () => {
    await expect(openFile(pictures('empty', { cat: 1, dog: 0 }), undefined, 1)).rejects.toThrow(
      'the folder of a class holds no .png file',
    );
  });

  it('that lack a class are numbered as in training, and a class that training did not have is refused', async () => {
    const train = await openFile(pictures('all', { cat: 1, dog: 1, owl: 1 }), undefined, 1);
    const test = await openFile(pictures('some', { cat: 1, owl: 2 }), undefined, 1);
    expect(values(test, 'label')).toEqual([0, 1, 1]);
    expect(values(alignClasses(test, train.classes, ['label']), 'label')).toEqual([0, 2, 2]);
    const other = await openFile(pictures('other', { cat: 1, cow: 1 }), undefined, 1);
    expect(() => alignClasses(other, train.classes, ['label'])).toThrow(
      'has the class cow, which the training data do not have',
    );
  });
});

it('pictures with 16 bits of a colour are refused rather than cut to 8', async () => {
  const bytes = greyPng(2, 2, () => 7);
  bytes[24] = 16;
  await expect(openFile(write('deep.png', bytes), [f32('x', 2, 2)], 1)).rejects.toThrow('16 bits per colour');
});

it('a fingerprint distinguishes other rows and another number of rows', async () => {
  const open = (text: string): Promise<Dataset> => openFile(write('f.csv', text), [f32('x')], 1);
  const before = fingerprintOf(await open('x\n1\n2\n3\n'), ['x']);
  assertUnchanged(await open('x\n1\n2\n3\n'), { train: before, leftOut: 0 });
  const other = await open('x\n1\n2\n4\n');
  expect(() => assertUnchanged(other, { train: before, leftOut: 0 })).toThrow('the values of `x` have changed');
  const longer = await open('x\n1\n2\n3\n4\n');
  expect(() => assertUnchanged(longer, { train: before, leftOut: 0 })).toThrow(
    'has 4 samples now; the run began with 3',
  );
});

describe('whole numbers beyond those that are held exactly', () => {
  const big = 2 ** 24 + 1;

  it.each([
    ['doubles of NPY', 'd.npy', npy('<f8', [2], Buffer.from(Float64Array.of(1, big).buffer)), /byte 136: 16777217 is/],
    [
      'more digits than a double has, in CSV',
      'd.csv',
      'x\n1\n9007199254740993\n',
      /row 3, column `x`: 9007199254740993/,
    ],
    ['such digits beside fractions', 'd.csv', 'x\n0.5\n9007199254740993\n', /9007199254740993 is a whole number/],
    [
      'such digits in JSON lines',
      'd.jsonl',
      '{"x": 1}\n{"x": -9007199254740993}\n',
      /line 2, `x`: -9007199254740993 is/,
    ],
    [
      'doubles of IDX',
      'd.idx',
      idx([2], [...Buffer.from(Float64Array.of(1, big).buffer).swap64()], 14),
      /byte 16: 16777217 is/,
    ],
    [
      '64 bits of Parquet',
      'd.parquet',
      parquet([{ name: 'x', data: [1n, 2n ** 53n + 1n], type: 'INT64' }]),
      /row 2, column `x`: 9007199254740993 is/,
    ],
    ['a count beside a measure', 'd.csv', `x\n${big}\n6.02e23\n`, /16777217 is a whole number/],
  ])('are refused: %s', async (_, name, content, problem) => {
    await expect(openFile(write(name, content), [f32('x')], 1)).rejects.toThrow(problem);
  });

  it.each([
    ['measures', 'd.csv', 'x\n1.989e30\n6.02e23\n'],
    ['doubles with fractions', 'd.npy', npy('<f8', [2], Buffer.from(Float64Array.of(0.5, big).buffer))],
    ['digits of another field', 'd.jsonl', '{"x": 1, "id": 9007199254740993}\n{"x": 2, "id": 1}\n'],
    ['a power of two, in digits', 'd.csv', 'x\n9007199254740992\n1\n'],
  ])('are not seen in %s', async (_, name, content) => {
    expect((await openFile(write(name, content), [f32('x')], 1)).length).toBe(2);
  });
});

describe('arrays and columns beside the fields that are asked for', () => {
  const names = npy('<U3', [2], Buffer.from('cat\0dog\0'.repeat(3)));
  const large = { name: 'id', data: [2n ** 60n + 1n, 1n], type: 'INT64' as const };

  it.each([
    [
      'texts, single numbers and large ones of NPZ',
      's.npz',
      npz({ names, x: npyF32([2], [1, 2]), n: npyF32([], [2]) }),
    ],
    ['large numbers of Parquet', 's.parquet', parquet([{ name: 'x', data: [1, 2] }, large])],
    ['gaps of Parquet', 's.parquet', parquet([{ name: 'x', data: [1, 2] }, { name: 'y', data: [null, 2.5], type: 'DOUBLE' }])], // biome-ignore format: a row
  ])('do not matter: %s', async (_, name, bytes) => {
    expect(values(await openFile(write(name, bytes), [f32('x')], 1), 'x')).toEqual([1, 2]);
  });

  it('matter where a column is found by its position', async () => {
    const columns = (a: (number | null)[]): Uint8Array =>
      parquet([
        { name: 'a', data: a, type: 'DOUBLE' },
        { name: 'b', data: [1, 2] },
        { name: 'label', data: [0, 1] },
      ]);
    const open = (a: (number | null)[]): Promise<Dataset> =>
      openFile(write('g.parquet', columns(a)), [f32('x', a.includes(7) ? 3 : 2)], 1);
    expect(values(await open([7, 7]), 'x')).toEqual([7, 1, 0, 7, 2, 1]);
    await expect(open([null, 7])).rejects.toThrow('row 1, column `a`: the value is missing');
    await expect(open([null, null])).rejects.toThrow('row 1, column `a`: the value is missing, as in all rows');
  });
});

it('words are classes in every format, also of a column whose name the language writes in another way', async () => {
  const [field, words] = [i32('Iris_kind'), ['b', 'a', 'b']];
  const files = [
    write('k.csv', `Iris kind,x\n${words.map((word) => `${word},1`).join('\n')}\n`),
    write('k.jsonl', words.map((word) => JSON.stringify({ 'Iris kind': word, x: 1 })).join('\n')),
    write('k.parquet', parquet([{ name: 'Iris kind', data: words, type: 'STRING' }])),
  ];
  for (const file of files) {
    const dataset = await openFile(file, [field], 1);
    expect(values(dataset, field.name), file).toEqual([1, 0, 1]);
    expect(dataset.classes).toEqual({ [field.name]: ['a', 'b'] });
  }
});

it('characters that are one in another encoding stay two classes of a text', () => {
  const classes = { next: ['\u00c5', 'a', '\u212b'] };
  const ids: Field = { name: 'next', type: 'i32', shape: [2] };
  const other = {
    name: 'other',
    origin: '',
    length: 1,
    fields: [ids],
    classes: { next: ['\u00c5', '\u212b'] },
    gather: (_: string, __: ArrayLike<number>, out: { [i: number]: number }) => {
      [out[0], out[1]] = [0, 1];
    },
  } as Dataset;
  expect(values(alignClasses(other, classes, ['next']), 'next')).toEqual([0, 2]);
});

describe('a folder of pictures', () => {
  const made = (name: string, files: readonly string[]): string => {
    const root = join(folder, name);
    for (const file of files) {
      mkdirSync(join(root, file, '..'), { recursive: true });
      writeFileSync(
        join(root, file),
        greyPng(2, 2, (x, y) => x + y),
      );
    }
    return root;
  };

  it.each([
    [
      'a folder within a class',
      ['cat/1.png', 'cat/more/2.png', 'dog/1.png'],
      /the folder more, of which none would be read/,
    ],
    ['pictures beside classes', ['1.png', 'cat/2.png'], /pictures such as 1.png, and the folder cat/],
    [
      'a picture of another format',
      ['cat/1.png', 'cat/2.jpg', 'dog/1.png'],
      /2\.jpg, which is not a PNG, and would be left out/,
    ],
  ])('is refused where it would be read in part: %s', async (name, files, problem) => {
    await expect(openFile(made(name.replaceAll(' ', '-'), files), undefined, 1)).rejects.toThrow(problem);
  });
});

describe('a name that a file holds twice', () => {
  it('is refused in a line of JSON, which would keep the last of the two', async () => {
    const path = write('twice.jsonl', '{"x": 1}\n{"x": 2, "x": 3}\n');
    await expect(openFile(path, [f32('x')], 1)).rejects.toThrow('line 2: `x` occurs twice');
  });

  it('is refused in an archive of arrays', async () => {
    const [x, y] = [npyF32([1], [1]), npyF32([1], [2])];
    const bytes = Buffer.from(npz({ x, y }));
    for (let at = bytes.indexOf('y.npy'); at >= 0; at = bytes.indexOf('y.npy', at)) bytes.write('x', at);
    await expect(openFile(write('twice.npz', bytes), [f32('x')], 1)).rejects.toThrow('x.npy is in the archive twice');
  });

  it('is refused in a picture of several frames, of which one would be read', async () => {
    const plain = Buffer.from(greyPng(2, 2, () => 7));
    const control = Buffer.from([0, 0, 0, 8, ...Buffer.from('acTL'), 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
    const frames = Buffer.concat([plain.subarray(0, 33), control, plain.subarray(33)]);
    await expect(openFile(write('frames.png', frames), [f32('x', 2, 2)], 1)).rejects.toThrow('several frames');
  });
});

describe('a column that a field names', () => {
  it.each([
    ['thousands', 'x[0],x[1]\n"1,234",2\n3,4\n', 'row 2, column `x[0]`: "1,234" is not a number, but row 3 has 3'],
    ['dates', 'x[0],x[1]\n1,2024-01-02\n3,2024-01-03\n', 'row 2, column `x[1]`: "2024-01-02" is not a number'],
  ])('is not left out where it holds %s', async (_, text, problem) => {
    await expect(csvProblem(text, f32('x', 2))).rejects.toThrow(problem);
    await expect(csvProblem(text, f32('x', 1))).rejects.toThrow(problem);
  });

  it('is not left out of Parquet, where times of day are not numbers', async () => {
    const time = { name: 'x[0]', type: 'INT64', converted_type: 'TIME_MICROS', repetition_type: 'REQUIRED' } as const;
    const bytes = new Uint8Array(
      parquetWriteBuffer({
        columnData: [{ name: 'x[0]', data: [1n, 2n] }],
        schema: [{ name: 'root', num_children: 1 }, time],
      }),
    );
    const words = parquet([{ name: 'x[0]', data: ['1', '2'], type: 'STRING' }]);
    for (const content of [bytes, words])
      await expect(openFile(write('t.parquet', content), [f32('x', 1)], 1)).rejects.toThrow(
        'column `x[0]`: it holds no numbers, which `x` needs',
      );
  });
});
