/** A state that is read tensor by tensor is the part that it would be as a whole, and ends where the device goes on. */
import { describe, expect, test } from 'vitest';
import { BlobCache } from '../../runtime/backplane/blob-cache.ts';
import { fillFrom } from '../../runtime/net/fill-from.ts';
import { IncomingBlobs } from '../../runtime/net/incoming-blobs.ts';
import { piecesOf, piecesWhile, sendBlob } from '../../runtime/net/send-blob.ts';
import { drawStates } from '../../runtime/net/shard-device.ts';
import { snapshotBytes } from '../../runtime/net/shard-memory.ts';
import { decodeState, encodeState, stateHash } from '../../runtime/net/shard-state.ts';
import { keptOf, partOf, stateOfNow } from '../../runtime/net/state-of-now.ts';
import { StreamedState } from '../../runtime/net/streamed-state.ts';
import { PART_ELEMENTS } from '../../runtime/shard/in-parts.ts';
import { fillStates, saveStates } from '../../runtime/shard/shard.ts';
import { hex, sha256 } from '../../runtime/wire/hash.ts';
import { initialValues } from '../../spec/initialise.ts';
import { type State, sizeOf } from '../../spec/program.ts';
import { joined } from '../support/joined-pieces.ts';
import { temporaryFolder } from '../support/nmc.ts';

const zero = { kind: 'constant', value: 0 } as const;
const states: readonly State[] = [
  { id: 'b->c.W', shape: [300, 500], role: 'parameter', init: zero },
  { id: 'a->b.W', shape: [500, 200], role: 'parameter', init: zero },
  { id: 'a->b.W.m', shape: [500, 200], role: 'optimizer', init: zero },
  { id: 'z', shape: [64, 500], role: 'value', init: zero },
];

/** Counts what was asked of it and is not let go yet. */
function deviceOf(type: 'F32' | 'F64' = 'F32') {
  const asked: string[] = [];
  const read = async (id: string) => {
    asked.push(id);
    const size = states.find((s) => s.id === id)?.shape.reduce((a, b) => a * b, 1) ?? 0;
    const values = Array.from({ length: size }, (_, i) => Math.fround(Math.sin(i * asked.indexOf(id) + i)));
    return type === 'F32' ? Float32Array.from(values) : Float64Array.from(values);
  };
  return { asked, read };
}

/** As `deviceOf`, with values that depend on nothing but the name. */
const steady = {
  read: async (id: string) => {
    const size = states.find((s) => s.id === id)?.shape.reduce((a, b) => a * b, 1) ?? 0;
    return Float32Array.from({ length: size }, (_, i) => Math.sin(i + id.length));
  },
};

test('a streamed state has the bytes, the name and the hash of the whole state', async () => {
  const whole = await saveStates(steady as never, states);
  const streamed = StreamedState.of(steady, states, 1);
  const bytes = await joined(streamed?.pieces() as never);
  expect(Buffer.compare(bytes, encodeState(whole))).toBe(0);
  expect(await streamed?.hashes()).toEqual({ hash: stateHash(whole), blob: hex(sha256(bytes)), bytes: bytes.length });
  expect(await streamed?.hashes(false)).toEqual({ hash: stateHash(whole), blob: '', bytes: bytes.length });
});

test('a state that was copied is the same part, in one array or in views of it, and a large one is not kept', async () => {
  const options = { isPart: true, least: Number.POSITIVE_INFINITY, holds: () => true };
  const state = await stateOfNow(steady as never, states, options);
  const [whole, viewed] = [partOf(state), partOf(state, 1)];
  if (!(whole instanceof Uint8Array) || viewed instanceof Uint8Array) throw new Error('both have the same form');
  const streamed = await StreamedState.of(steady, states, 1)?.hashes();
  expect(viewed).toMatchObject({ hash: streamed?.blob, bytes: whole.length });
  // As often as it takes.
  for (let tries = 0; tries < 2; tries++) expect(Buffer.compare(await joined(viewed.pieces()), whole)).toBe(0);
  expect(hex(sha256(whole))).toBe(streamed?.blob);
  expect(keptOf(state)).toEqual('saved' in state ? state.saved : 'it was copied');
  const large = { data: new Float32Array(5e6), name: 'w', dtype: 'F32', shape: [5e6] } as const;
  expect(keptOf({ saved: { parameters: [large], auxiliary: [] }, hash: '' })).toBeUndefined();
});

test('a tensor is asked for only when all before it were taken', async () => {
  const device = deviceOf();
  const pieces = StreamedState.of(device, states, 1)?.pieces();
  expect((await pieces?.next())?.length).toBeGreaterThan(0);
  expect(device.asked).toEqual([]);
  await pieces?.next();
  await pieces?.next();
  expect(device.asked).toHaveLength(1);
});

test('a small state, and one in another precision, is not streamed', async () => {
  expect(StreamedState.of(steady, states)).toBeUndefined();
  expect(await StreamedState.of(deviceOf('F64'), states, 1)?.hashes()).toBeUndefined();
});

test('a device that begins anew is sent no more of the state', async () => {
  let holds = true;
  const sent: number[] = [];
  const socket = {
    ...{ readyState: 1, OPEN: 1, off: () => undefined, once: () => undefined },
    send: (chunk: Uint8Array, done: () => void) => {
      sent.push(chunk.length);
      holds = sent.length < 2;
      done();
    },
  };
  const pieces = piecesWhile(StreamedState.of(steady, states, 1)?.pieces() as never, () => holds);
  expect(await sendBlob(socket as never, '0'.repeat(64), pieces)).toBe(false);
  expect(sent).toHaveLength(2);
});

test('a state that is restored is in memory once, and the device is sent one tensor at a time', async () => {
  const bytes = new Uint8Array(encodeState(await saveStates(steady as never, states)));
  const state = decodeState(bytes);
  const tensors = [...state.parameters, ...state.auxiliary];
  for (const { data } of tensors) expect(data.buffer).toBe(bytes.buffer);
  const sent = new Map<string, number>();
  const device = {
    write: async (id: string, values: Float32Array | Float64Array) => void sent.set(id, values.buffer.byteLength),
  };
  await fillStates(device, states, { tensors }, false);
  expect(sent).toEqual(new Map(tensors.map(({ name, data }) => [name, data.byteLength])));
});

describe('a part that comes in pieces', () => {
  const given = async (bytes: Uint8Array, name = hex(sha256(bytes))): Promise<Map<string, Float32Array>> => {
    const written = new Map<string, Float32Array>();
    const write = async (id: string, values: Float32Array | Float64Array) =>
      void written.set(id, Float32Array.from(values));
    const source = { ...piecesOf(bytes), close: async () => undefined };
    await fillFrom({ write }, states, source, name);
    return written;
  };
  const part = async (): Promise<Uint8Array> => new Uint8Array(encodeState(await saveStates(steady as never, states)));

  test('fills the states of a device', async () => {
    const written = await given(await part());
    const kept = states.filter((s) => s.role !== 'value').map((s) => s.id);
    expect([...written.keys()].sort()).toEqual([...kept].sort());
    for (const id of kept) expect(written.get(id)).toEqual(await steady.read(id));
  });

  test('is refused where it is shorter, has other states, or does not match its name', async () => {
    const bytes = await part();
    const code = { code: 'mesh/blob-damaged' };
    await expect(given(bytes.slice(0, -8))).rejects.toMatchObject(code);
    await expect(given(bytes, '0'.repeat(64))).rejects.toMatchObject(code);
    const other = await saveStates(steady as never, [{ ...(states[0] as State), id: 'other', shape: [0] }]);
    await expect(given(new Uint8Array(encodeState(other)))).rejects.toMatchObject(code);
  });
});

test('a blob for the disk is written as it comes, and a wrong one leaves nothing', () => {
  const folder = temporaryFolder();
  const cache = new BlobCache(folder);
  const bytes = new Uint8Array(600_000).fill(7);
  const hash = hex(sha256(bytes));
  const take = (name: string): Promise<Uint8Array> => {
    const incoming = new IncomingBlobs();
    const done = incoming.expect(name, bytes.length, (length) => cache.writePieces(name, length));
    for (let at = 0; at < bytes.length; at += 200_000)
      incoming.add(name, at, bytes.length, bytes.subarray(at, at + 200_000));
    return done;
  };
  return Promise.all([
    take(hash).then(async () => {
      expect(cache.get(hash)).toEqual(Buffer.from(bytes));
      expect((await cache.readPieces(hash))?.bytes).toBe(bytes.length);
    }),
    expect(take('1'.repeat(64))).rejects.toMatchObject({ code: 'mesh/blob-damaged' }),
  ]);
});

test('a large state counts for snapshots only in parts, a small one four times', () => {
  const wide = (size: number): State[] =>
    [1, 2, 3].map((n) => ({ id: `w${n}`, shape: [size], role: 'parameter', init: zero }));
  expect(snapshotBytes(wide(4e6), 4)).toBe(32e6);
  expect(snapshotBytes(wide(4e6), 8)).toBe(8 * 4e6 * 3 * 4);
  expect(snapshotBytes(wide(1e6), 4)).toBe(4 * 1e6 * 3 * 4);
});

describe('a device that is read and written in parts', () => {
  /** More than one part, and not a whole number of them. */
  const long: readonly State[] = [
    { id: 'w', shape: [1100, 1000], role: 'parameter', init: { kind: 'uniform', bound: 0.1 } },
    {
      ...{ id: 'v', shape: [1000, 600], role: 'parameter', init: { kind: 'normal', std: 0.2 } },
      slice: { of: 'whole', shape: [1000, 900], axis: 1, from: 150 },
    },
    { id: 'w:m', shape: [1100, 1000], role: 'optimizer', init: zero },
  ];

  const bytesOf = (values: Float32Array = new Float32Array(0)): Buffer => Buffer.from(new Uint8Array(values.buffer));

  function parted() {
    const values = new Map(long.map((s) => [s.id, new Float32Array(sizeOf(s.shape)).fill(7)]));
    const of = (id: string): Float32Array => values.get(id) ?? new Float32Array(0);
    let largest = 0;
    const seen = (part: Float32Array): Float32Array => {
      largest = Math.max(largest, part.length);
      return part;
    };
    return {
      values,
      largest: () => largest,
      read: async (id: string) => seen(of(id).slice()),
      write: async (id: string, all: Float32Array | Float64Array) => of(id).set(seen(Float32Array.from(all))),
      readPart: async (id: string, begin: number, end: number) => seen(of(id).slice(begin, end)),
      writePart: async (id: string, begin: number, part: Float32Array | Float64Array) =>
        of(id).set(seen(Float32Array.from(part)), begin),
    };
  }

  test('begins with the values that are drawn as a whole, and never holds one as a whole', async () => {
    const device = parted();
    await drawStates(device as never, long, { statistics: [], seed: 5 }, async () => new Uint8Array(0));
    for (const state of long)
      expect(bytesOf(device.values.get(state.id)).equals(bytesOf(initialValues(state, 5)))).toBe(true);
    expect(device.largest()).toBe(PART_ELEMENTS);
  });

  test('is saved and restored to the bit, and never holds a tensor as a whole', async () => {
    const [from, to] = [parted(), parted()];
    await drawStates(from as never, long, { statistics: [], seed: 5 }, async () => new Uint8Array(0));
    const streamed = StreamedState.of(from, long, 1);
    const bytes = await joined(streamed?.pieces() as never);
    expect(Buffer.compare(bytes, encodeState(await saveStates(from as never, long)))).toBe(0);
    const hashes = await streamed?.hashes();
    const source = { ...piecesOf(bytes), close: async () => undefined };
    const before = to.largest();
    await fillFrom(to, long, source, hashes?.blob ?? '');
    expect(before).toBe(0);
    for (const [id, values] of from.values) expect(bytesOf(to.values.get(id)).equals(bytesOf(values))).toBe(true);
    expect(to.largest()).toBe(PART_ELEMENTS);
  });

  test('takes tensors that lie on the disk in parts, and others as a whole', async () => {
    const device = parted();
    const wholes: string[] = [];
    const drawn = new Map(long.map((s) => [s.id, initialValues(s, 5)]));
    const tensors = long.map(({ id, shape }) => ({
      ...{ name: id, dtype: 'F32' as const, shape },
      get data() {
        wholes.push(id);
        return drawn.get(id) ?? new Float32Array(0);
      },
      part: (begin: number, end: number) => (drawn.get(id) ?? new Float32Array(0)).slice(begin, end),
    }));
    const small: State = { id: 's', shape: [3], role: 'parameter', init: zero };
    const held = { name: 's', dtype: 'F32' as const, shape: [3], data: Float32Array.of(1, 2, 3) };
    device.values.set('s', new Float32Array(3));
    await fillStates(device, [...long, small], { tensors: [...tensors, held] });
    expect(wholes).toEqual([]);
    expect(device.largest()).toBe(PART_ELEMENTS);
    for (const { id } of long) expect(bytesOf(device.values.get(id)).equals(bytesOf(drawn.get(id)))).toBe(true);
    expect(device.values.get('s')).toEqual(held.data);
  });
});

test('a blob on the disk is read into the memory of one piece, whose hash is looked at', async () => {
  const cache = new BlobCache(temporaryFolder());
  const bytes = Uint8Array.from({ length: 700_000 }, (_, i) => i % 251);
  const source = await cache.readPieces(cache.put(bytes));
  const memory = new Set<ArrayBufferLike>();
  const copies: Uint8Array[] = [];
  for (let piece = await source?.next(); piece; piece = await source?.next()) {
    memory.add(piece.buffer);
    copies.push(piece.slice());
  }
  await source?.close();
  expect(memory.size).toBe(1);
  expect(Buffer.concat(copies).equals(bytes)).toBe(true);
});
