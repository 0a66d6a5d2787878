import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeSafetensors,
  type NamedTensor,
  readSafetensors,
  writeSafetensors,
} from '../../../runtime/store/safetensors.ts';
import { UserError } from '../../../runtime/support/errors.ts';
import { ownPath } from '../../../runtime/support/safe-path.ts';
import { codeOf, temporaryFolder } from './fixtures.ts';

const shapes = fc.array(fc.nat(4), { maxLength: 3 });

const tensors = fc.uniqueArray(
  fc
    .tuple(fc.string(), fc.constantFrom('F32', 'F64', 'I32', 'I64', 'U8'), shapes, fc.infiniteStream(fc.nat(255)))
    .map(([name, dtype, shape, bytes]) => makeTensor(name, dtype, shape, bytes)),
  { selector: ({ name }) => name, maxLength: 6 },
);

function makeTensor(name: string, dtype: string, shape: number[], bytes: Iterable<number>): NamedTensor {
  const count = shape.reduce((a, b) => a * b, 1);
  const iterator = bytes[Symbol.iterator]();
  // Multiplied so that more than the lowest byte of an element is used.
  const values = Array.from({ length: count }, () => Number(iterator.next().value) * 1_000_003);
  switch (dtype) {
    case 'F32':
      return { name, dtype, shape, data: Float32Array.from(values) };
    case 'F64':
      return { name, dtype, shape, data: Float64Array.from(values) };
    case 'I32':
      return { name, dtype, shape, data: Int32Array.from(values) };
    case 'I64':
      return { name, dtype, shape, data: BigInt64Array.from(values.map((value) => BigInt(value) ** 2n)) };
    default:
      return { name, dtype: 'U8', shape, data: Uint8Array.from(values) };
  }
}

const encode = (list: readonly NamedTensor[], metadata?: Record<string, string>): Buffer =>
  Buffer.concat(encodeSafetensors(list, metadata));

const byName = (list: readonly NamedTensor[]): NamedTensor[] => [...list].sort((a, b) => (a.name < b.name ? -1 : 1));

/** A file with this header text and this much data. */
function fileOf(header: string, dataBytes = 0): Buffer {
  const text = Buffer.from(header, 'utf8');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(dataBytes)]);
}

describe('safetensors', () => {
  it('come back as they were written, through bytes and through a file', () => {
    const path = join(temporaryFolder(), 'w.safetensors');
    const metadata = fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true });
    fc.assert(
      fc.property(tensors, metadata, (list, texts) => {
        fc.pre(!Object.hasOwn(texts, '__proto__') && !list.some(({ name }) => name === '__metadata__'));
        const bytes = encode(list, texts);
        const back = readSafetensors(bytes);
        expect(byName(back.tensors)).toEqual(byName(list));
        expect(back.metadata).toEqual(texts);
        writeSafetensors(ownPath(path), list, texts);
        expect(readSafetensors(path)).toEqual(back);
      }),
      { seed: 1, numRuns: 150 },
    );
  });

  it('do not depend on the order of tensors and metadata', () => {
    fc.assert(
      fc.property(tensors, (list) => {
        fc.pre(!list.some(({ name }) => name === '__metadata__'));
        expect(encode([...list].reverse(), { b: '2', a: '1' })).toEqual(encode(list, { a: '1', b: '2' }));
      }),
      { seed: 2 },
    );
  });

  it('have the layout of the format: padded header, aligned data, wide types first', () => {
    const bytes = encode([
      { name: 'b', dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) },
      { name: 'a', dtype: 'F32', shape: [1], data: Float32Array.of(1) },
    ]);
    const headerLength = Number(bytes.readBigUInt64LE(0));
    expect(headerLength % 8).toBe(0);
    expect(
      bytes
        .subarray(8, 8 + headerLength)
        .toString()
        .trimEnd(),
    ).toBe(
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[3],"data_offsets":[4,7]}}',
    );
    expect([...bytes.subarray(8 + headerLength)]).toEqual([0, 0, 0x80, 0x3f, 1, 2, 3]);
  });

  it('are read from a foreign writer that has not aligned its data', () => {
    const header =
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F64","shape":[],"data_offsets":[1,9]}}';
    const file = fileOf(header, 9);
    file.writeDoubleLE(2.5, file.length - 8);
    expect(readSafetensors(file).tensors[1]).toEqual({
      name: 'b',
      dtype: 'F64',
      shape: [],
      data: Float64Array.of(2.5),
    });
  });

  it('keep a name that objects treat specially', () => {
    const list: NamedTensor[] = [{ name: '__proto__', dtype: 'U8', shape: [], data: Uint8Array.of(7) }];
    expect(readSafetensors(encode(list)).tensors).toEqual(list);
  });

  const u8 = (begin: number, end: number): string =>
    `{"dtype":"U8","shape":[${end - begin}],"data_offsets":[${begin},${end}]}`;
  const hostile: [string, Buffer, RegExp][] = [
    ['empty', Buffer.alloc(0), /byte 0.*8 bytes/],
    ['header longer than the file', Buffer.from([200, 0, 0, 0, 0, 0, 0, 0, 123, 125]), /at most 2, found 200/],
    ['huge header length', Buffer.alloc(16, 0xff), /header length/],
    ['no object', fileOf('[]'), /begin with "\{"/],
    ['space before the object', fileOf(' {}'), /begin with "\{"/],
    ['JSON nonsense', fileOf('{"a":'), /expected JSON/],
    ['not UTF-8', Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from([0x7b, 0xff])]), /UTF-8/],
    ['overlap', fileOf(`{"a":${u8(0, 4)},"b":${u8(2, 6)}}`, 6), /"b".*overlaps/],
    ['gap', fileOf(`{"a":${u8(0, 2)},"b":${u8(3, 6)}}`, 6), /"b".*gap/],
    ['out of range', fileOf(`{"a":${u8(0, 9)}}`, 6), /within 0\.\.6/],
    ['backwards', fileOf('{"a":{"dtype":"U8","shape":[0],"data_offsets":[4,0]}}', 4), /in order/],
    ['bytes left over', fileOf(`{"a":${u8(0, 4)}}`, 6), /expected 4 bytes of data, the file has 6/],
    ['wrong size', fileOf('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', 4), /expected 8 bytes/],
    [
      'size beyond 2^64',
      fileOf(`{"a":{"dtype":"U8","shape":[${Array(9).fill(4294967296)}],"data_offsets":[0,0]}}`),
      /expected \d{80,} bytes/,
    ],
    ['duplicate name', fileOf(`{"a":${u8(0, 4)},"\\u0061":${u8(0, 4)}}`, 4), /"a" twice/],
    ['duplicate field', fileOf('{"a":{"dtype":"U8","dtype":"F32","shape":[],"data_offsets":[0,4]}}', 4), /twice/],
    ['negative size', fileOf('{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}'), /whole numbers/],
    ['half a number', fileOf('{"a":{"dtype":"U8","shape":[0.5],"data_offsets":[0,0]}}'), /whole numbers/],
    [
      'too many axes',
      fileOf(`{"a":{"dtype":"U8","shape":[${Array(40).fill(1)}],"data_offsets":[0,1]}}`, 1),
      /at most 32/,
    ],
    ['unknown type', fileOf('{"a":{"dtype":"toString","shape":[],"data_offsets":[0,0]}}'), /dtype of F32/],
    ['unknown field', fileOf('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1}}'), /know "x"/],
    ['tensor that is null', fileOf('{"a":null}'), /dtype, shape, data_offsets/],
    ['metadata that is not a text', fileOf('{"__metadata__":{"a":1}}'), /expected a text/],
    ['metadata that is a list', fileOf('{"__metadata__":[]}'), /object of texts/],
    ['escape codes in a name', fileOf('{"\\u001b[2J":0}'), /"\?\[2J"/],
  ];
  it.each(hostile)('are refused in a file with %s', (_, bytes, message) => {
    expect(codeOf(() => readSafetensors(bytes, 'x.safetensors'))).toBe('weights/corrupt');
    expect(() => readSafetensors(bytes, 'x.safetensors')).toThrow(message);
    expect(() => readSafetensors(bytes, 'x.safetensors')).toThrow(/^x\.safetensors is not a sound safetensors file/);
  });

  it('are refused in a sound file of a type that is not supported', () => {
    const file = fileOf('{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}', 2);
    expect(codeOf(() => readSafetensors(file))).toBe('weights/dtype');
  });

  it('are refused with a UserError, and nothing else, in mutated files', () => {
    const base = encode([
      { name: 'h1.weight', dtype: 'F32', shape: [2, 3], data: new Float32Array(6) },
      { name: 'steps', dtype: 'I64', shape: [], data: BigInt64Array.of(3n) },
    ]);
    const edits = fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    let refused = 0;
    fc.assert(
      fc.property(edits, fc.nat(base.length), (list, cut) => {
        const bytes = Buffer.from(base.subarray(0, cut % 3 === 0 ? cut : base.length));
        for (const [at, value] of list) bytes[at % Math.max(1, bytes.length)] = value;
        try {
          readSafetensors(bytes);
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          refused += 1;
        }
      }),
      { seed: 3, numRuns: 3000 },
    );
    expect(refused).toBeGreaterThan(1000);
  });

  it('survive deep nesting and random text as header', () => {
    expect(codeOf(() => readSafetensors(fileOf('{"a":'.repeat(200_000))))).toBe('weights/corrupt');
    expect(codeOf(() => readSafetensors(fileOf(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)))).toBe(
      'weights/corrupt',
    );
    fc.assert(
      fc.property(fc.json(), (json) => {
        try {
          readSafetensors(fileOf(json));
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
        }
      }),
      { seed: 4 },
    );
  });

  it('are refused with the name of a file that is missing, cut short or a folder', () => {
    const folder = temporaryFolder();
    const path = join(folder, 'w.safetensors');
    expect(codeOf(() => readSafetensors(path))).toBe('weights/missing');
    expect(codeOf(() => readSafetensors(folder))).toBe('weights/missing');
    writeFileSync(path, encode([{ name: 'a', dtype: 'F32', shape: [2], data: new Float32Array(2) }]));
    truncateSync(path, 70);
    expect(codeOf(() => readSafetensors(path))).toBe('weights/corrupt');
    expect(() => readSafetensors(path)).toThrow(path);
  });

  it('are not written where they could not be read', () => {
    const tensor: NamedTensor = { name: 'a', dtype: 'U8', shape: [2], data: new Uint8Array(2) };
    expect(() => encodeSafetensors([tensor, tensor])).toThrow('two tensors');
    expect(() => encodeSafetensors([{ ...tensor, shape: [3] }])).toThrow('not [3]');
    expect(() => encodeSafetensors([{ ...tensor, name: '__metadata__' }])).toThrow('two tensors');
  });
});
