import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Dataset, Field } from '../../../runtime/data/dataset.ts';
import { readBytes } from '../../../runtime/data/formats/bytes.ts';
import { openFile } from '../../../runtime/data/sources/file.ts';
import { greyPng, idx, npy, npyF32, npz, parquet, png, temporaryFolder } from './fixtures.ts';

const folder = temporaryFolder();
const write = (name: string, bytes: Uint8Array | string): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};
const open = (name: string, bytes: Uint8Array | string, fields?: readonly Field[]): Promise<Dataset> =>
  openFile(write(name, bytes), fields, 4);
const shapes = (dataset: Dataset): string[] => dataset.fields.map((f) => `${f.name}: ${f.type}[${f.shape.join(', ')}]`);

function all(dataset: Dataset, field: string): number[] {
  const of = dataset.fields.find((f) => f.name === field) as Field;
  const length = dataset.length * of.shape.reduce((a, b) => a * b, 1);
  const out =
    of.type === 'u8' ? new Uint8Array(length) : of.type === 'i32' ? new Int32Array(length) : new Float32Array(length);
  dataset.gather(
    field,
    Uint32Array.from({ length: dataset.length }, (_, i) => i),
    out,
  );
  return [...out];
}

/** Runs and returns the message of the UserError. */
async function problem(promise: Promise<unknown>): Promise<string> {
  const failure: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({ name: 'UserError' });
  return failure instanceof Error ? failure.message.replaceAll(folder, '') : '';
}

describe('IDX', () => {
  it('reads every type', async () => {
    expect(shapes(await open('a.idx', idx([2, 1, 2], [1, 2, 3, 255])))).toEqual(['image: u8[1, 2]']);
    expect(all(await open('b.idx', idx([2], [0xff, 5], 9)), 'value')).toEqual([-1, 5]);
    expect(all(await open('c.idx', idx([1], [0xff, 0xfe], 11)), 'value')).toEqual([-2]);
    expect(all(await open('d.idx', idx([1], [0x3f, 0x80, 0, 0], 13)), 'value')).toEqual([1]);
    expect(all(await open('e.idx', idx([1], [0xbf, 0xf0, 0, 0, 0, 0, 0, 0], 14)), 'value')).toEqual([-1]);
  });

  it('is recognised by its first bytes and read packed', async () => {
    expect((await open('t10k-labels-idx1-ubyte.gz', gzipSync(idx([3], [1, 2, 3])))).length).toBe(3);
    expect((await open('nameless', idx([3], [1, 2, 3]))).length).toBe(3);
  });

  it.each([
    ['short', idx([4], [1, 2, 3]), 'byte 11: the file ends too early: 4 elements make 12 bytes, not 11'],
    ['long', idx([2], [1, 2, 3]), 'byte 10: the file goes on after its last element'],
    ['cut header', idx([2, 3], []).subarray(0, 7), 'byte 7: the file ends inside its header, which has 12 bytes'],
    ['type', idx([1], [1], 7), 'byte 2: 7 is not an IDX type'],
    ['rank', idx([], []), 'byte 3: the rank is 0'],
    ['huge', idx([0x7fffffff, 0x7fffffff, 3], [1]), 'byte 17: the file ends too early'],
    ['empty axis', idx([0xffffffff, 0], []), 'byte 8: size 2 of 2 is 0'],
    ['a PNG', greyPng(1, 1, () => 0), 'byte 0: IDX begins with two zero bytes, but this is PNG'],
  ])('is refused with the reason: %s', async (_, bytes, message) => {
    expect(await problem(open('bad.idx', bytes))).toContain(`/bad.idx: ${message}`);
  });
});

describe('gzip', () => {
  const packed = gzipSync(
    idx(
      [1000],
      Array.from({ length: 1000 }, (_, i) => (i * i) % 251),
    ),
  );

  it('is refused where it is damaged or cut, and says where', async () => {
    expect(await problem(open('x.idx.gz', packed.subarray(0, 100)))).toContain(
      'gzip of 100 bytes: it ends in the middle',
    );
    const damaged = Buffer.from(packed);
    damaged[damaged.length - 6] = (damaged[damaged.length - 6] ?? 0) ^ 255; // its checksum
    expect(await problem(open('x.idx.gz', damaged))).toContain('it is damaged');
    expect(await problem(open('x.idx.gz', 'hello'))).toContain('byte 0: gzip expected, found bytes 68 65 6c 6c');
  });

  it('is not unpacked beyond the allowed size', async () => {
    const bomb = write('bomb.gz', gzipSync(new Uint8Array(5_000_000)));
    expect(await problem(readBytes(bomb, { limit: 1_000_000 }))).toContain('unpacked it is more');
    expect(await problem(readBytes(write('big', new Uint8Array(100)), { limit: 99 }))).toContain('it has 100 bytes');
  });
});

describe('NPY', () => {
  it('reads types, byte orders and Fortran order', async () => {
    expect(all(await open('a.npy', npyF32([2, 2], [1, 2, 3, 4])), 'value')).toEqual([1, 2, 3, 4]);
    expect(all(await open('b.npy', npy('>i2', [2], Uint8Array.of(1, 0, 0xff, 0xff))), 'value')).toEqual([256, -1]);
    expect(all(await open('c.npy', npy('<f2', [3], Uint8Array.of(0, 0x3c, 0, 0xc0, 1, 0))), 'value')).toEqual([
      1,
      -2,
      2 ** -24,
    ]);
    expect(all(await open('d.npy', npy('|b1', [2], Uint8Array.of(1, 0))), 'value')).toEqual([1, 0]);
    const fortran = npy(
      '|u1',
      [2, 3, 2],
      Uint8Array.from({ length: 12 }, (_, i) => i),
      true,
    );
    // Element (a, b, c) of Fortran order lies at a + 2b + 6c.
    expect(all(await open('e.npy', fortran), 'image')).toEqual([0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11]);
    const wide = npy('<i8', [1], new Uint8Array(BigInt64Array.of(-7n).buffer));
    expect(all(await open('f.npy', wide), 'value')).toEqual([-7]);
  });

  it.each([
    ['short', npyF32([3], [1, 2]), "byte 136: the file ends too early: shape (3) of '<f4' makes 140 bytes, not 136"],
    ['objects', npy('|O', [1], Uint8Array.of(1)), "byte 10: elements of type '|O' are not plain numbers"],
    ['text', npy('<U4', [1], new Uint8Array(16)), 'are not plain numbers'],
    ['scalar', npyF32([], [1]), 'a single number has no samples'],
    ['empty', npyF32([0], []), 'the shape (0) is empty'],
    ['huge', npyF32([2147483647, 2147483647], [1]), 'the file ends too early'],
    ['64 bits', npy('<u8', [1], new Uint8Array(BigUint64Array.of(2n ** 63n).buffer)), 'does not fit in i32'],
    ['no header', Buffer.from('\x93NUMPY\x01\x00\x04\x00{}\n ', 'latin1'), "expected {'descr'"],
    ['version', Buffer.from('\x93NUMPY\x09\x00\x04\x00{}\n ', 'latin1'), 'byte 6: NPY version 9'],
    ['not NPY', Buffer.from('<html>not found</html>'), 'NPY begins with \\x93NUMPY, but this is HTML'],
  ])('is refused with the reason: %s', async (_, bytes, message) => {
    expect(await problem(open('bad.npy', bytes))).toContain(message);
  });
});

describe('NPZ', () => {
  const good = npz({
    x: npyF32([2, 3], [1, 2, 3, 4, 5, 6]),
    y: npy('<i4', [2], new Uint8Array(Int32Array.of(7, 8).buffer)),
  });

  it('reads its arrays as fields', async () => {
    const set = await open('a.npz', good);
    expect([shapes(set), all(set, 'x'), all(set, 'y')]).toEqual([
      ['x: f32[3]', 'y: i32[]'],
      [1, 2, 3, 4, 5, 6],
      [7, 8],
    ]);
  });

  it('is converted to the fields that a program expects', async () => {
    const set = await open('a.npz', good, [
      { name: 'y', type: 'u8', shape: [] },
      { name: 'x', type: 'i32', shape: [3, 1] },
    ]);
    expect([shapes(set), all(set, 'x')]).toEqual([
      ['y: u8[]', 'x: i32[3, 1]'],
      [1, 2, 3, 4, 5, 6],
    ]);
    expect(await problem(open('a.npz', good, [{ name: 'z', type: 'u8', shape: [] }]))).toContain(
      'no `z`, only `x`, `y`',
    );
    const wrong = open('a.npz', good, [{ name: 'x', type: 'f32', shape: [4] }]);
    expect(await problem(wrong)).toContain('`x` is f32[3] per sample, but f32[4] is needed');
  });

  it('is refused with row and element of a number that does not fit', async () => {
    const fraction = npz({ x: npyF32([2, 3], [1, 2, 3, 4, 5.5, 6]) });
    const read = open('f.npz', fraction, [{ name: 'x', type: 'i32', shape: [3] }]);
    expect(await problem(read)).toContain('row 2 of 2, `x`, element 2: 5.5 is not a whole number');
  });

  it('is refused with the reason', async () => {
    const uneven = npz({ x: npyF32([2], [1, 2]), y: npyF32([3], [1, 2, 3]) });
    expect(await problem(open('b.npz', uneven))).toContain('`x` has 2 rows, but `y` has 3');
    expect(await problem(open('b.npz', good.subarray(0, 200)))).toContain('cut off');
    expect(await problem(open('b.npz', 'PK'))).toContain('cut off');
    expect(await problem(open('b.npz', zipSync({ 'readme.txt': Uint8Array.of(1) })))).toContain('no .npy array');
    const damaged = Buffer.from(good);
    damaged[60] = (damaged[60] ?? 0) ^ 1;
    expect(await problem(open('b.npz', damaged))).toMatch(/damaged/);
  });

  it('is refused where its sizes cannot be true', async () => {
    const liar = Buffer.from(npz({ x: npyF32([1], [1]) }));
    const directory = liar.indexOf('PK\x01\x02');
    liar.writeUInt32LE(0xfffffff0, directory + 24);
    expect(await problem(open('liar.npz', liar))).toContain('cannot hold 4294967280 bytes');
  });
});

describe('CSV', () => {
  it('reads columns by name and leaves text out', async () => {
    const set = await open('a.csv', '\ufeffx,name,y\n1,ann,0.5\n-2,bob,1e3\n');
    expect([shapes(set), all(set, 'x'), all(set, 'y')]).toEqual([
      ['x: i32[]', 'y: f32[]'],
      [1, -2],
      [0.5, 1000],
    ]);
  });

  it('reads tabs, semicolons and files without names', async () => {
    expect(shapes(await open('a.tsv', 'a\tb\n1\t2\n'))).toEqual(['a: i32[]', 'b: i32[]']);
    expect(shapes(await open('b.csv', 'a;b\n1;2\n'))).toEqual(['a: i32[]', 'b: i32[]']);
    expect(shapes(await open('c.csv', '1,2.5\n3,4\n'))).toEqual(['column1: i32[]', 'column2: f32[]']);
  });

  it('joins numbered columns', async () => {
    expect(shapes(await open('a.csv', 'x[0],x[1],y\n1,2,3\n'))).toEqual(['x: i32[2]', 'y: i32[]']);
    const pixels: Field = { name: 'pixel', type: 'u8', shape: [2, 2] };
    const set = await open('b.csv', 'label,pixel3,pixel1,pixel0,pixel2\n7,4,2,1,3\n', [pixels]);
    expect([shapes(set), all(set, 'pixel')]).toEqual([['pixel: u8[2, 2]'], [1, 2, 3, 4]]);
    expect(all(await open('c.csv', '1,2,3,4\n5,6,7,8\n', [pixels]), 'pixel')).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it.each([
    ['a word', 'x,y\n1,2\n3,oops\n', 'row 3, column `y`: "oops" is not a number'],
    ['nan', 'x,y\n1,2\n3,nan\n', '"nan" is not a number'],
    ['a gap', 'x,y\n1,2\n,4\n', 'row 3, column `x`: the cell is empty'],
    ['a missing cell', 'x,y\n1,2\n3\n', 'Invalid Record Length'],
    ['a double name', 'x,x\n1,2\n', 'row 1, column 2: a second column is called `x`'],
    ['only names', 'x,y\n', 'it holds no numbers'],
    ['nothing', '', 'it holds no numbers'],
    ['only text', 'x,y\na,b\n', 'it holds no numbers'],
    ['an open quote', 'x,y\n1,"2\n', 'Quote Not Closed'],
  ])('is refused with the reason: %s', async (_, text, message) => {
    expect(await problem(open('bad.csv', text))).toContain(message);
  });

  it('is refused where a wanted column is text', async () => {
    const read = open('t.csv', 'x,y\n1,a\n', [{ name: 'y', type: 'f32', shape: [] }]);
    expect(await problem(read)).toContain('row 2, column `y`: "a" is not a number');
  });
});

describe('Parquet', () => {
  it('reads numbers and lists, and leaves text out', async () => {
    const set = await open(
      'a.parquet',
      parquet([
        { name: 'id', data: [1, 2, 3], type: 'INT32' },
        { name: 'big', data: [1n, -2n, 3n], type: 'INT64' },
        { name: 'x', data: [0.5, 1, 2], type: 'DOUBLE' },
        { name: 'who', data: ['a', 'b', 'c'], type: 'STRING' },
      ]),
    );
    expect(shapes(set)).toEqual(['id: i32[]', 'big: i32[]', 'x: f32[]']);
    expect([all(set, 'id'), all(set, 'big'), all(set, 'x')]).toEqual([
      [1, 2, 3],
      [1, -2, 3],
      [0.5, 1, 2],
    ]);
  });

  it('reads pages packed by zstd on every version of Node, and refuses a page that unpacks to more than it says', async () => {
    const numbers = Array.from({ length: 1000 }, (_, i) => (i % 50) * 0.25);
    const packed = (frame: Buffer): Uint8Array =>
      new Uint8Array(
        parquetWriteBuffer({
          columnData: [{ name: 'x', data: numbers, type: 'FLOAT', encoding: 'PLAIN' }],
          codec: 'ZSTD',
          compressors: { ZSTD: () => new Uint8Array(frame) },
        }),
      );
    // What `zstd -19 --no-check` makes of these 4000 bytes.
    const frame =
      'KLUv/QBovQMAggwbIJAb0hiz3qXe7tJe71hvd/2vXv2DumW2rm3d2rZ1bcQUBbl2Oa7GxbgWl+JKXIjrcBmuwkW4BpfgClyA6xs90Qs90Ps8z' +
      '+s8zts8zcs8zLs8y6s8yps8yYu8vcU7vMF7Ap04J8yJctrpD8ofAQDIai99IwU=';
    const set = await open('z.parquet', packed(Buffer.from(frame, 'base64')));
    expect([shapes(set), all(set, 'x')]).toEqual([['x: f32[]'], numbers]);
    // One block of 131,071 zeros, in a frame that does not say how many.
    const bomb = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x50, 0xfb, 0xff, 0x0f, 0]);
    expect(await problem(open('z.parquet', packed(bomb)))).toContain('cannot be read');
    const short = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x50, 0x53, 0, 0, 0]);
    expect(await problem(open('z.parquet', packed(short)))).toMatch(/announces 4000 bytes and holds 10\b/);
  });

  it('reads pictures', async () => {
    const pictures = [0, 1].map((n) => greyPng(2, 1, (x) => 10 * n + x));
    const set = await open('p.parquet', parquet([{ name: 'image', data: pictures, type: 'BYTE_ARRAY' }]));
    expect([shapes(set), all(set, 'image')]).toEqual([['image: u8[1, 2]'], [0, 1, 10, 11]]);
  });

  it('is refused with the reason', async () => {
    const good = parquet([{ name: 'x', data: [1, 2, 3], type: 'INT32' }]);
    expect(await problem(open('b.parquet', good.subarray(0, -3)))).toContain('ends with PAR1');
    expect(await problem(open('b.parquet', 'hello'))).toContain('Parquet begins with PAR1');
    const damaged = good.slice();
    damaged.fill(255, good.length - 40, good.length - 10);
    expect(await problem(open('b.parquet', damaged))).toContain('cannot be read');
    const gap = parquet([{ name: 'x', data: [1, null, 3], type: 'INT32' }]);
    expect(await problem(open('b.parquet', gap))).toContain('row 2, column `x`: the value is missing');
  });
});

describe('PNG', () => {
  beforeAll(() => {
    for (const name of ['plain', 'classes/cat', 'classes/dog', 'mixed', 'empty'])
      mkdirSync(join(folder, name), { recursive: true });
  });

  it('reads one picture, grey or in colour', async () => {
    const grey = await open(
      'g.png',
      greyPng(3, 2, (x, y) => 10 * y + x),
    );
    expect([shapes(grey), all(grey, 'image')]).toEqual([['image: u8[2, 3]'], [0, 1, 2, 10, 11, 12]]);
    const colour = await open(
      'c.png',
      png(1, 2, (_, y) => [100, y, 7, 255]),
    );
    expect([shapes(colour), all(colour, 'image')]).toEqual([['image: u8[2, 1, 3]'], [100, 0, 7, 100, 1, 7]]);
  });

  it('is made grey where one channel is wanted, and white where it is transparent', async () => {
    const wanted: Field = { name: 'pixels', type: 'f32', shape: [2] };
    const set = await open(
      'c.png',
      png(2, 1, (x) => (x === 0 ? [255, 0, 0, 255] : [0, 0, 0, 0])),
      [wanted],
    );
    expect([shapes(set), all(set, 'pixels')]).toEqual([['pixels: f32[2]'], [76, 255]]);
  });

  it('reads a folder in the order of names, and sub-folders as classes', async () => {
    for (const n of [10, 9, 1])
      write(
        `plain/${n}.png`,
        greyPng(1, 1, () => n),
      );
    expect(all(await openFile(join(folder, 'plain'), undefined, 4), 'image')).toEqual([1, 9, 10]);
    write(
      'classes/dog/a.png',
      greyPng(1, 1, () => 3),
    );
    write(
      'classes/cat/b.png',
      greyPng(1, 1, () => 4),
    );
    const classes = await openFile(join(folder, 'classes'), undefined, 4);
    expect([all(classes, 'image'), all(classes, 'label')]).toEqual([
      [4, 3],
      [0, 1],
    ]);
  });

  it('is refused with the reason', async () => {
    const wanted: Field = { name: 'image', type: 'u8', shape: [28, 28] };
    expect(
      await problem(
        open(
          's.png',
          greyPng(30, 28, () => 0),
          [wanted],
        ),
      ),
    ).toContain('30 x 28 pixels, but `image` is u8[28, 28]');
    expect(await problem(open('j.png', Uint8Array.of(0xff, 0xd8, 0xff, 0xe0)))).toContain('PNG expected, found JPEG');
    expect(await problem(open('t.png', greyPng(9, 9, (x) => x).subarray(0, 60)))).toContain('the picture is damaged');
    const huge = Buffer.from(greyPng(9, 9, (x) => x));
    huge.writeUInt32BE(0x7fffffff, 16);
    expect(await problem(open('h.png', huge))).toContain('byte 16: a picture of 2147483647 x 9 pixels');
    huge.writeUInt32BE(4_000_000, 16);
    expect(await problem(open('h.png', huge))).toContain('cannot lie in');
    write(
      'mixed/a.png',
      greyPng(1, 1, () => 3),
    );
    write(
      'mixed/b.png',
      greyPng(2, 1, () => 3),
    );
    expect(await problem(openFile(join(folder, 'mixed'), undefined, 4))).toContain(
      '/mixed/b.png: 2 x 1 pixels, but a.png has 1 x 1',
    );
    expect(await problem(openFile(join(folder, 'empty'), undefined, 4))).toContain('holds no .png');
  });
});

describe('text, JSON lines and the rest', () => {
  it('text is cut into pieces with the byte after each', async () => {
    const set = await open('t.txt', 'abcdefghij');
    expect(shapes(set)).toEqual(['text: u8[4]', 'next: u8[4]']);
    expect(String.fromCharCode(...all(set, 'text'))).toBe('abcdefgh');
    expect(String.fromCharCode(...all(set, 'next'))).toBe('bcdefghi');
    const fields: Field[] = [{ name: 'next', type: 'u8', shape: [3] }];
    expect(String.fromCharCode(...all(await open('t.txt', 'abcdefghij', fields), 'next'))).toBe('bcdefghij');
    const wrong = open('t.txt', 'abcdefghij', [{ name: 'words', type: 'i32', shape: [3] }]);
    expect(await problem(wrong)).toContain('not `words`: i32[3]');
    expect(await problem(open('u.txt', 'abcd'))).toContain('4 bytes are too few');
  });

  it('JSON lines give their fields', async () => {
    const set = await open('a.jsonl', '{"x": [[1, 2]], "y": 3}\n\n{"x": [[4, 5]], "y": 6.5}\n');
    expect([shapes(set), all(set, 'x')]).toEqual([
      ['x: f32[1, 2]', 'y: f32[]'],
      [1, 2, 4, 5],
    ]);
    expect(await problem(open('b.jsonl', '{"x": 1}\n{"x": "a"}\n'))).toContain('line 2, `x`: "a" is not a number');
  });

  it('a missing file and an unknown format are named', async () => {
    expect(await problem(openFile(join(folder, 'none.npz'), undefined, 4))).toContain('/none.npz: no such file');
    expect(await problem(open('x.docx', 'PKx'))).toContain('its format is not known');
    expect(await problem(open('nothing', ''))).toContain('its format is not known: an empty file');
  });
});
