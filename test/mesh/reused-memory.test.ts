import { expect, test } from 'vitest';
import type { Frame } from '../../runtime/training/frame.ts';
import { CODEC_BYTES, decodeValues, encodeValues, valuesIn, writeValues } from '../../runtime/wire/codec.ts';
import { CallPackets } from '../../runtime/wire/frame-chain.ts';
import { HEADER_BYTES, MAX_PAYLOAD_BYTES } from '../../runtime/wire/header.ts';
import { PacketPool } from '../../runtime/wire/packet-pool.ts';
import type { Received } from '../../runtime/wire/received.ts';
import { ends, frameOf } from './networked.ts';

function bytesOf(frame: Frame | undefined): Uint8Array {
  const [values = new Float32Array(0)] = frame?.values ?? [];
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

const VALUES = [Float32Array.of(1.5, -2, 3), Float32Array.of(0.25), Float32Array.from({ length: 9 }, (_, i) => i / 8)];

test.each(['f32', 'f16', 'f64'] as const)(
  'a stretch of %s values is written where it belongs, and nothing else is written',
  (codec) => {
    const whole = encodeValues(VALUES, codec);
    const size = CODEC_BYTES[codec];
    for (let first = 0; first <= 13; first++)
      for (let count = 0; first + count <= 13; count++) {
        const bytes = new Uint8Array(8 * 16).fill(7);
        writeValues(bytes.subarray(size, size + count * size), VALUES, codec, first);
        const expected = new Uint8Array(8 * 16).fill(7);
        expected.set(whole.subarray(first * size, (first + count) * size), size);
        expect(bytes).toEqual(expected);
      }
  },
);

test.each(['f32', 'f16', 'f64'] as const)('%s values are read in place, or copied where they cannot be', (codec) => {
  const whole = encodeValues(VALUES, codec);
  const lengths = VALUES.map((v) => v.length);
  const size = CODEC_BYTES[codec];
  for (const offset of [0, size, 1]) {
    const bytes = new Uint8Array(whole.length + offset);
    bytes.set(whole, offset);
    const found = valuesIn(bytes.subarray(offset), lengths, codec);
    expect(found).toEqual(decodeValues(whole, lengths, codec));
    expect(found[0]?.buffer === bytes.buffer).toBe(codec !== 'f16' && offset !== 1);
  }
});

test('a pool returns memory by its length, and holds large whole packets only', () => {
  const pool = new PacketPool();
  const packet = pool.take(4096);
  pool.give(packet);
  expect(pool.take(4095)).not.toBe(packet);
  expect(pool.take(4096)).toBe(packet);
  expect(pool.take(4096)).not.toBe(packet);
  const small = pool.take(100);
  pool.give(small);
  expect(pool.take(100)).not.toBe(small);
  pool.give(new Uint8Array(8192).subarray(4096));
  expect(pool.take(4096).byteOffset).toBe(0);
});

test('memory of packets that were sent, and of plain ones that were consumed, is written again by the next frames', () => {
  const { a, b, rekey } = ends();
  const { fromA, fromB } = rekey(0);
  const answers = fromA.flatMap((packet) => b.receive(packet).packets);
  for (const packet of [...fromB, ...answers]) for (const back of a.receive(packet).packets) b.receive(back);
  // A frame of two packets: of one size its first, of another its second.
  const buffers = new Set<ArrayBufferLike>();
  let made = 0;
  for (let tick = 0; tick < 100; tick++) {
    const packets = a.send(frameOf(7, 1, tick));
    expect(packets.map((p) => p.length - HEADER_BYTES > MAX_PAYLOAD_BYTES)).toEqual([true, false]);
    const frames = packets.flatMap((packet) => {
      const received = b.receive(packet);
      for (const back of received.packets) a.receive(back);
      return received.frames;
    });
    expect(frames).toHaveLength(1);
    const [got, sent] = [bytesOf(frames[0]), bytesOf(frameOf(7, 1, tick))];
    expect(sent.length > 0 && Buffer.compare(sent, got) === 0).toBe(true);
    for (const packet of packets) {
      if (!buffers.has(packet.buffer)) made++;
      buffers.add(packet.buffer);
      a.recycle(packet);
    }
  }
  expect(made).toBe(2);
});

test('packets are hashed on demand and in order, and only a few of them wait', () => {
  const packets = Array.from({ length: 20 }, (_, i) => Uint8Array.of(i, 1, 2));
  const place = { run: 'r', term: 1, from: 0, to: 1, call: 0 };
  const [late, early] = [new CallPackets(place), new CallPackets(place)];
  for (const packet of packets) {
    late.append(packet);
    early.append(packet);
    early.settle();
  }
  expect(late.length).toBe(20);
  expect(late.chain).toEqual(early.chain);
  expect(late.leaves).toEqual(early.leaves);
  expect(late.chainBehind(20)).toEqual(late.chain);
  expect(late.chainBehind(0)).toEqual(late.start);
  // What is changed after it was hashed is not hashed again.
  const waiting = new CallPackets(place);
  for (const packet of packets) waiting.append(packet);
  packets[0]?.fill(9);
  expect(waiting.leaves[0]).toEqual(early.leaves[0]);
});

test('a window that came between two frames is read while packets of the second are still missing', () => {
  const { a, b, rekey } = ends();
  const { fromA, fromB } = rekey(0);
  const answers = fromA.flatMap((packet) => b.receive(packet).packets);
  for (const packet of [...fromB, ...answers]) for (const back of a.receive(packet).packets) b.receive(back);
  const take = (packets: readonly Uint8Array[]) => packets.map((packet) => b.receive(packet, 'relay', true));
  take(a.send(frameOf(7, 1, 0)));
  expect(take(a.closeWindow(1)).flatMap(({ packets, broken }) => [...packets, broken ?? []])).toEqual([[], []]);
  const [first = new Uint8Array(0), second = new Uint8Array(0)] = a.send(frameOf(7, 2, 0));
  expect(take([first])[0]?.broken).toBeUndefined();
  const settled: Received[] = [];
  for (let done = b.settleOne(); done; done = b.settleOne()) settled.push(done);
  expect(settled.flatMap(({ broken }) => broken ?? [])).toEqual([]);
  for (const packet of settled.flatMap(({ packets }) => packets)) expect(a.receive(packet).broken).toBeUndefined();
  expect([a.windows.length, b.windows.length]).toEqual([1, 1]);
  expect(take([second])[0]?.frames).toHaveLength(1);
});
