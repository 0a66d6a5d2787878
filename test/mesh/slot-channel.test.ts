/** Replaceable slots: the newest frame arrives whatever is lost, none is replaced that has to come, nothing ends a border. */
import { expect, test } from 'vitest';
import { keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import type { Frame } from '../../runtime/training/frame.ts';
import { borderKeys, newEphemeral, signExchange } from '../../runtime/wire/border-keys.ts';
import { SLOT_CREDIT, SlotChannel } from '../../runtime/wire/slot-channel.ts';
import { frameOf, HERE, runTag, seeded } from './networked.ts';

const LENGTHS: Readonly<Record<number, readonly number[]>> = { 5: [3, 2], 6: [4], 7: [70_000] };
const FREE = new Set([5, 6, 7]);

interface Slots {
  readonly a: SlotChannel;
  readonly b: SlotChannel;
  rekey(generation: number): { readonly fromA: Uint8Array[]; readonly fromB: Uint8Array[] };
}

function slots(): Slots {
  const { run, term, plan } = HERE;
  const channel = (own: number): SlotChannel =>
    new SlotChannel({
      ...{ runTag, plan, term, own, peer: 1 - own, codec: 'f32', free: FREE },
      lengthsOf: (message) => LENGTHS[message],
    });
  const [a, b] = [channel(0), channel(1)];
  const rekey = (generation: number): { readonly fromA: Uint8Array[]; readonly fromB: Uint8Array[] } => {
    const place = { run, term };
    const own = [0, 1].map((i) => newEphemeral(generation, seeded(100 + 2 * generation + i)));
    const told = own.map((e, i) => signExchange(place, i, e, keyPairFromSeed(seeded(i + 1))));
    const [first = [], second = []] = [a, b].map((end, i) => {
      const keys = borderKeys(place, own[i] as never, told[i] as never, told[1 - i] as never, 'nmc/slots/2');
      if (!keys) throw new Error('no keys');
      return end.rekey(keys);
    });
    return { fromA: first, fromB: second };
  };
  return { a, b, rekey };
}

/** @returns frames that came, and what goes back */
function taken(end: SlotChannel, packets: readonly Uint8Array[]) {
  const received = packets.map((packet) => end.receive(packet));
  return {
    frames: received.flatMap((r) => r.frames),
    back: received.flatMap((r) => r.packets),
    refused: received.flatMap((r) => r.refused ?? []),
  };
}

const keyOf = ({ message, callIndex, tick }: Frame): string => `${message}/${callIndex}/${tick}`;

test('a frame that waits for keys gives its place to a newer one, except the first tick and another call', () => {
  const { a, b, rekey } = slots();
  const put = [frameOf(5, 0, 0), frameOf(5, 0, 1), frameOf(7, 0, 1), frameOf(5, 0, 2), frameOf(5, 1, 1)];
  expect(put.flatMap((f) => a.put(f))).toEqual([]);
  const { fromA } = rekey(0);
  const { frames, refused } = taken(b, fromA);
  expect(refused).toEqual([]);
  expect(frames).toEqual([put[0], put[2], put[3], put[4]]);
  expect(a.replaced).toBe(1);
});

test('past the credit the newest waits, and goes when the other end has read', () => {
  const { a, b, rekey } = slots();
  rekey(0);
  const packets = Array.from({ length: SLOT_CREDIT + 10 }, (_, tick) => a.put(frameOf(5, 3, tick))).flat();
  expect(packets).toHaveLength(SLOT_CREDIT);
  const first = taken(b, packets);
  expect(first.frames).toHaveLength(SLOT_CREDIT);
  const next = taken(a, first.back);
  expect(taken(b, next.back).frames.map(keyOf)).toEqual([`5/3/${SLOT_CREDIT + 9}`]);
  expect(a.replaced).toBe(9);
});

test('the last of each slot comes again after new keys, and where it is asked for', () => {
  const { a, b, rekey } = slots();
  rekey(0);
  // Lost on their way.
  for (const tick of [1, 2, 3]) a.put(frameOf(5, 0, tick));
  a.put(frameOf(6, 0, 3));
  const asked = taken(b, taken(a, b.ask()).back);
  expect(asked.frames.map(keyOf)).toEqual(['5/0/3', '6/0/3']);
  const { fromA } = rekey(1);
  expect(taken(b, fromA).frames.map(keyOf)).toEqual(['5/0/3', '6/0/3']);
});

test('a packet that is changed, of other keys, or here before does nothing; a torn frame is left out', () => {
  const { a, b, rekey } = slots();
  rekey(0);
  const [packet] = a.put(frameOf(5, 0, 1));
  if (!packet) throw new Error('nothing was sent');
  const changed = packet.slice();
  changed[60] = (changed[60] ?? 0) ^ 1;
  expect(taken(b, [changed])).toEqual({ frames: [], back: [], refused: ['it was not sealed by the other end'] });
  expect(taken(b, [packet, packet]).frames).toHaveLength(1);
  const [head, tail] = a.put(frameOf(7, 0, 1));
  const [whole, end] = a.put(frameOf(7, 0, 2));
  if (!head || !tail || !whole || !end) throw new Error('it is in two packets');
  expect(taken(b, [head, whole, end]).frames.map(keyOf)).toEqual(['7/0/2']);
  expect(taken(b, [tail])).toEqual({ frames: [], back: [], refused: [] });
  rekey(1);
  expect(taken(b, a.put(frameOf(5, 0, 4))).frames).toHaveLength(1);
  expect(taken(b, [end])).toEqual({ frames: [], back: [], refused: [] });
});

test('a value that may not cross is as if it had been lost', () => {
  const { a, b, rekey } = slots();
  rekey(0);
  const bad = { ...frameOf(6, 0, 1), values: [Float32Array.of(1, Number.NaN, 2, 3)] };
  expect(taken(b, a.put(bad))).toEqual({ frames: [], back: [], refused: ['a value of it may not cross'] });
  expect(taken(b, a.put(frameOf(6, 0, 2))).frames).toHaveLength(1);
});
