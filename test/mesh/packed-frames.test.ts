/** Packed frames: both ends have the same, nothing is lost for good, and no bytes from outside do harm. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BORDER_CODECS, isPacked, type PackedCodec } from '../../runtime/wire/codec.ts';
import { bitsOfLargest } from '../../runtime/wire/largest.ts';
import { FramePacker, FrameUnpacker } from '../../runtime/wire/packer.ts';
import { formOf, messageForms } from '../../runtime/wire/value-forms.ts';
import { afterName, deviationName, insideName, valueName } from '../../spec/names.ts';
import { stream } from '../../spec/random.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';

const CODECS = BORDER_CODECS.filter(isPacked);
const [BATCH, WIDTH, NARROW] = [4, 40, 10];
/** In the byte of a value that goes on from itself. */
const OWN = 8;
const value = (name: string, ...shape: number[]) => ({ name, shape });

/** Before the ticks, in each, and behind them. */
const NAMES = ['sweep', insideName(valueName('h')), afterName(deviationName('h'))];
/** A message of each: a wide value, a narrow one, and a sum of no samples. */
const schedule: ShardSchedule = {
  shard: 0,
  messages: [0, 1, 2].map((id) => ({
    ...{ id, from: 0, to: 1 },
    values: [
      ...(id === 0 ? [value('other', BATCH, 33)] : []),
      value(NAMES[id] ?? '', BATCH, WIDTH),
      value(NAMES[id] ?? '', BATCH, NARROW),
      value(`sum${id}`),
    ],
  })),
  functions: [
    {
      ...{ name: 'train', batch: BATCH, inputs: [], results: [] },
      stages: ['start', 'tick', 'learn'].map((name, id) => ({
        ...{ name, repeat: id === 1 ? 50 : 1, firstTick: 0, begin: [], next: [], end: [] },
        segments: [{ receive: [], send: [id] }],
      })),
    },
  ],
};

const SIZES = [BATCH * WIDTH, BATCH * NARROW, 1];
const rng = stream(5, 'frames');
let drawn = 0;
const drawnValues = (size: number, scale: number, around?: Float32Array): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => (around?.[i] ?? 0) + scale * rng.normal(drawn++));
const frameOf = (tick: number, values: readonly Float32Array[], message = 1, callIndex = 0) => ({
  ...{ message, callIndex, microbatch: 0, tick },
  values,
});

const isExact = (codec: PackedCodec): boolean => codec === 'changes' || codec === 'changes+f16';

/** Each number exactly, or to what f32 has of the largest: at most the half of a step of 2^-23. */
function expectWhole(found: readonly Float32Array[], values: readonly Float32Array[], codec: PackedCodec): void {
  for (const [i, all] of values.entries()) {
    const largest = Math.max(...all.map(Math.abs));
    const most = isExact(codec) || all.length === 1 ? 0 : largest * 2 ** -23;
    for (const [k, x] of all.entries()) expect(Math.abs((found[i]?.[k] ?? Number.NaN) - x)).toBeLessThanOrEqual(most);
  }
}

test('values go on from any of their shape, the same place and the latest stage first', () => {
  const forms = [0, 1, 2].map((id) => messageForms(schedule).get(id));
  expect(forms[1]?.map(({ bases }) => bases)).toEqual([
    ['1.0', '2.0', '0.1'],
    ['1.1', '2.1', '0.2'],
    ['1.2', '2.2', '0.3'],
  ]);
  expect(forms[2]?.[0]?.bases).toEqual(['2.0', '1.0', '0.1']);
  expect(forms.map((form) => form?.map(({ mayBeRounded }) => mayBeRounded))).toEqual([
    [false, false, false, false],
    [false, false, true],
    [true, true, true],
  ]);
  expect(forms[1]?.map(({ row, isNarrow, isOfSamples }) => [row, isNarrow, isOfSamples])).toEqual([
    [WIDTH, false, true],
    [NARROW, true, true],
    [1, true, false],
  ]);
});

test('positions that lie behind each other are values of their samples', () => {
  expect(formOf([4 * 16, WIDTH], 4)).toEqual({ length: 64 * WIDTH, row: WIDTH, isNarrow: false, isOfSamples: true });
  expect(formOf([4 * 16 + 1, WIDTH], 4).isOfSamples).toBe(false);
  expect(formOf([16, WIDTH], 1).isOfSamples).toBe(false);
});

test.each(CODECS)('%s: both ends have the same, and values that stay are reached', (codec) => {
  const [packer, unpacker] = [new FramePacker(codec, schedule), new FrameUnpacker(codec, schedule)];
  const start = SIZES.map((size) => drawnValues(size, 1));
  const end = SIZES.map((size, i) => drawnValues(size, 0.1, start[i]));
  let bytes = 0;
  for (let tick = 0; tick < 50; tick++) {
    const frame = frameOf(tick, tick === 0 ? start : end);
    const packed = packer.pack(frame);
    expect(unpacker.unpack(frame, packed.payload)).toEqual(packed.values);
    // The first one is whole, and what is no value of samples is exact.
    if (tick === 0) expectWhole(packed.values, start, codec);
    expect(packed.values[2]).toEqual(frame.values[2]);
    if (tick === 1) bytes = packed.payload.length;
    if (tick < 49) continue;
    const off = packed.values.flatMap((values, v) => [...values].map((x, i) => Math.abs(x - (end[v]?.[i] ?? 0))));
    expect(Math.max(...off)).toBeLessThan(1e-3);
  }
  expect(bytes).toBeLessThan(codec === 'changes' ? 400 : 300);
});

test.each(CODECS)('%s: what does not change takes a byte, and each call begins from nothing', (codec) => {
  const packer = new FramePacker(codec, schedule);
  const values = SIZES.map((size) => drawnValues(size, 1));
  const whole = packer.pack(frameOf(0, values)).payload;
  expect(packer.pack(frameOf(1, values)).payload).toEqual(new Uint8Array(SIZES.length).fill(OWN));
  // Another message has it from the first one.
  expect(packer.pack(frameOf(0, values, 2)).payload).toEqual(new Uint8Array(SIZES.length).fill(2 * OWN));
  expect(packer.pack(frameOf(0, values, 1, 1)).payload).toEqual(whole);
  const zeros = SIZES.map((size) => new Float32Array(size));
  expect(packer.pack(frameOf(0, zeros, 1, 2)).payload).toEqual(new Uint8Array(SIZES.length));
});

test.each(CODECS)(
  '%s: behind the sweep, what is like nothing before it is rounded, but for values of nodes',
  (codec) => {
    const [packer, unpacker] = [new FramePacker(codec, schedule), new FrameUnpacker(codec, schedule)];
    const send = (message: number, values: readonly Float32Array[]) => {
      const frame = frameOf(0, values, message);
      const packed = packer.pack(frame);
      expect(unpacker.unpack(frame, packed.payload)).toEqual(packed.values);
      return { values: packed.values.slice(0, 2), wholes: packed.payload.length > 3 * BATCH * (WIDTH + NARROW) };
    };
    for (const message of [0, 1]) {
      const values = (message === 0 ? [BATCH * 33, ...SIZES] : SIZES).map((size) => drawnValues(size, 10 ** message));
      const sent = send(message, values);
      expect(sent.wholes).toBe(true);
      expectWhole(sent.values, values.slice(0, 2), codec);
    }
    // Far below what went before: its own rows say how it is rounded.
    const small = SIZES.map((size) => drawnValues(size, 1e-9));
    const { values, wholes } = send(2, small);
    expect(wholes).toBe(isExact(codec));
    for (const [i, all] of values.entries())
      for (const [k, x] of all.entries()) expect(Math.abs(x - (small[i]?.[k] ?? 0))).toBeLessThan(2e-11);
  },
);

test.each(CODECS)('%s: the largest amounts that may cross do not grow', (codec) => {
  const [packer, unpacker] = [new FramePacker(codec, schedule), new FrameUnpacker(codec, schedule)];
  const most = 999_999_995_904;
  for (const [tick, share] of [1, 0.9, 1, -1, -0.95, -1].entries()) {
    const frame = frameOf(
      tick,
      SIZES.map((size) => new Float32Array(size).fill(share * most)),
    );
    const { payload, values } = packer.pack(frame);
    expect(unpacker.unpack(frame, payload)).toEqual(values);
    for (const all of values) for (const x of all) expect(Math.abs(x)).toBeLessThanOrEqual(most);
  }
});

test('the k-th largest amount is the one that sorting gives', () => {
  const amounts = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 60 });
  const bits = new Int32Array(1);
  const asFloat = new Float32Array(bits.buffer);
  fc.assert(
    fc.property(amounts, fc.nat(), (all, at) => {
      const k = 1 + (at % all.length);
      bits[0] = bitsOfLargest(Float32Array.from(all), k);
      const sorted = all.map(Math.abs).sort((a, b) => b - a);
      expect(asFloat[0]).toBe(Math.fround(sorted[k - 1] as number));
    }),
  );
});

/** Of a second frame, which has changes. */
function packedChanges(codec: PackedCodec): { readonly first: Uint8Array; readonly second: Uint8Array } {
  const packer = new FramePacker(codec, schedule);
  const start = SIZES.map((size) => drawnValues(size, 1));
  const first = packer.pack(frameOf(0, start)).payload;
  const next = SIZES.map((size, i) => drawnValues(size, 0.1, start[i]));
  return { first, second: packer.pack(frameOf(1, next)).payload };
}

test.each(CODECS)('%s: damaged bytes are refused or read as numbers that may cross, and never throw', (codec) => {
  const { first, second } = packedChanges(codec);
  const damage = fc.record({
    at: fc.nat(second.length - 1),
    to: fc.integer({ min: 0, max: 255 }),
    length: fc.nat(second.length + 8),
  });
  fc.assert(
    fc.property(damage, ({ at, to, length }) => {
      const unpacker = new FrameUnpacker(codec, schedule);
      unpacker.unpack(frameOf(0, []), first);
      const bytes = new Uint8Array(length);
      bytes.set(second.subarray(0, length));
      if (at < length) bytes[at] = to;
      const read = unpacker.unpack(frameOf(1, []), bytes);
      if (length !== second.length && codec !== 'changes' && codec !== 'changes+f16' && codec !== 'changes+int8')
        expect(read === undefined || at < length).toBe(true);
      for (const all of read ?? []) for (const x of all) expect(Math.abs(x)).toBeLessThanOrEqual(1e12);
    }),
    { numRuns: 300 },
  );
});

const READ = { callIndex: 0, message: 1, microbatch: 0, tick: 1 };
const u32 = (count: number): number[] => [...new Uint8Array(Uint32Array.of(count).buffer)];
const f32 = (number: number): number[] => [...new Uint8Array(Float32Array.of(number).buffer)];
const zerosBehind = Array.from({ length: 1000 }, () => 0);

test.each<[string, PackedCodec, number[]]>([
  ['more changes than numbers', 'changes+int8', [OWN + 3, ...u32(2 ** 32 - 1), ...f32(1), ...zerosBehind]],
  ['a change behind the last number', 'changes+int8', [OWN + 3, ...u32(1), ...f32(1), 255, 1, ...zerosBehind]],
  ['more marks than changes', 'changes+int8', [OWN + 2, ...u32(1), ...f32(1), 255, ...zerosBehind]],
  ['a scale that is no number', 'changes+int8', [OWN + 3, ...u32(1), ...f32(Number.NaN), ...zerosBehind]],
  ['a scale below zero', 'int8', [OWN + 5, ...f32(-1), ...zerosBehind]],
  ['a scale that is too large', 'int8', [OWN + 5, ...f32(1e30), ...zerosBehind]],
  ['a level that no sender has', 'int8', [OWN + 5, ...f32(1), 128, ...zerosBehind]],
  ['a whole level that no sender has', 'int8', [6, ...f32(1), 0, 0, 128, ...zerosBehind]],
  ['a scale that is too large for whole levels', 'int8', [6, ...f32(119_209), ...zerosBehind]],
  ['whole levels of another codec', 'changes', [6, ...f32(1), ...zerosBehind]],
  ['whole levels of changes', 'int8', [OWN + 6, ...f32(1), ...zerosBehind]],
  ['an infinite change', 'changes+f16', [OWN + 3, ...u32(1), 0, 0, 0x7c, ...zerosBehind]],
  ['a change that is no number', 'changes', [OWN + 3, ...u32(1), 0, ...f32(Number.NaN), ...zerosBehind]],
  ['a threshold above all numbers', 'ternary', [OWN + 4, 255, ...zerosBehind]],
  ['trits that there are not', 'ternary', [OWN + 4, 150, 0, 0, 0, 243, ...zerosBehind]],
  ['a value that is no number', 'ternary', [1, ...f32(Number.NaN), ...zerosBehind]],
  ['a form of another codec', 'changes+f16', [OWN + 5, ...f32(1), ...zerosBehind]],
  ['a value of a node that is rounded', 'ternary', [5, ...f32(1), ...zerosBehind]],
  ['changes of nothing', 'changes+int8', [3, ...u32(1), ...f32(1), 0, 1, ...zerosBehind]],
  ['changes of what was never sent', 'int8', [3 * OWN + 5, ...f32(1), ...zerosBehind]],
  ['changes of what there is not', 'int8', [31 * OWN, ...zerosBehind]],
  ['no form at all', 'ternary', [OWN + 7]],
  ['nothing', 'ternary', []],
])('%s is refused', (_what, codec, bytes) => {
  for (const length of [bytes.length, 200, 60]) {
    const unpacker = new FrameUnpacker(codec, schedule);
    expect(unpacker.unpack({ ...READ, tick: 0 }, new Uint8Array(SIZES.length))).toBeDefined();
    expect(unpacker.unpack(READ, Uint8Array.from(bytes.slice(0, length)))).toBeUndefined();
  }
});
