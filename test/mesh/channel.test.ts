/** Borders: every frame once and in order whatever the network does, and nothing that the other end has not sealed. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Frame } from '../../runtime/training/frame.ts';
import type { BorderChannel } from '../../runtime/wire/channel.ts';
import { CREDIT } from '../../runtime/wire/channel.ts';
import { hex, sha256 } from '../../runtime/wire/hash.ts';
import { ends, frameOf, HERE, seeded, type Where } from './networked.ts';

/** Carries packets both ways until nobody has any. */
function carry(a: BorderChannel, b: BorderChannel, fromA: readonly Uint8Array[], fromB: readonly Uint8Array[] = []) {
  const [toB, toA] = [[...fromA], [...fromB]];
  const atA: Frame[] = [];
  const atB: Frame[] = [];
  const problems: string[] = [];
  while (toB.length + toA.length > 0) {
    for (const [queue, end, other, frames] of [
      [toB, b, toA, atB],
      [toA, a, toB, atA],
    ] as const) {
      const packet = queue.shift();
      if (!packet) continue;
      const received = end.receive(packet);
      frames.push(...received.frames);
      other.push(...received.packets);
      for (const problem of [received.refused, received.broken?.reason])
        if (problem !== undefined) problems.push(problem);
    }
  }
  return { atA, atB, problems };
}

test('frames come out as they went in, in both directions and over several packets', () => {
  const { a, b, rekey } = ends();
  const { fromA, fromB } = rekey(0);
  expect(carry(a, b, fromA, fromB)).toEqual({ atA: [], atB: [], problems: [] });
  const sent = [frameOf(5, 0, 0), frameOf(7, 0, 1), frameOf(5, 1, 0)];
  const back = [frameOf(6, 0, 0)];
  const carried = carry(
    a,
    b,
    sent.flatMap((f) => a.send(f)),
    back.flatMap((f) => b.send(f)),
  );
  expect(carried).toEqual({ atA: back, atB: sent, problems: [] });
});

test('a packet of a frame leaves before the next one is sealed', () => {
  const { a, b, rekey } = ends();
  const { fromA, fromB } = rekey(0);
  carry(a, b, fromA, fromB);
  const frame = frameOf(7, 0, 0);
  const before = a.bytesSent;
  const left: { readonly packet: Uint8Array; readonly sealed: number }[] = [];
  const kept = a.send(frame, (packet) => left.push({ packet, sealed: a.bytesSent - before }));
  expect(kept).toEqual([]);
  const [first, second] = left.map(({ packet }) => packet.length);
  expect(left.map(({ sealed }) => sealed)).toEqual([first, (first ?? 0) + (second ?? 0)]);
  expect(
    carry(
      a,
      b,
      left.map(({ packet }) => packet),
    ),
  ).toEqual({ atA: [], atB: [frame], problems: [] });
});

test('both ends sign the root over a window', () => {
  const { a, b, rekey } = ends();
  const { fromA, fromB } = rekey(0);
  carry(a, b, fromA, fromB);
  const packets = [frameOf(5, 4, 0), frameOf(7, 4, 1)].flatMap((f) => a.send(f));
  expect(carry(a, b, [...packets, ...a.closeWindow(4)]).problems).toEqual([]);
  expect(b.windows).toHaveLength(1);
  expect(a.windows).toHaveLength(1);
  const [byA, byB] = [b.windows[0], a.windows[0]];
  expect(byA).toMatchObject({ call: 4, direction: 0, packets: 3 });
  expect(byB).toMatchObject({ call: 4, direction: 0, packets: 3, root: byA?.root });
  expect(byB?.sig).not.toBe(byA?.sig);
  a.forgetWindows(5);
  expect(a.windows).toEqual([]);
});

test('an end signs nothing before a call is over, and then its frames and their window', () => {
  const { a, b, rekey, signatures } = ends();
  const { fromA, fromB } = rekey(0);
  carry(a, b, fromA, fromB);
  const before = signatures();
  for (let tick = 0; tick < 20; tick++) expect(carry(a, b, a.send(frameOf(5, 4, tick))).problems).toEqual([]);
  expect(signatures() - before).toBe(0);
  expect(carry(a, b, a.closeWindow(4)).problems).toEqual([]);
  // The frames and the window by their sender, the window by their reader.
  expect(signatures() - before).toBe(3);
});

test('f16 rounds to 11 bits; f32 and f64 are exact', () => {
  for (const [codec, error] of [
    ['f32', 0],
    ['f16', 2 ** -11],
  ] as const) {
    const { a, b, rekey } = ends(codec);
    const { fromA, fromB } = rekey(0);
    carry(a, b, fromA, fromB);
    const values = [Float32Array.of(1.2345678, -3e-6, 0), Float32Array.of(100.03, -0.1)];
    const [got] = carry(a, b, a.send({ ...frameOf(5, 0, 0), values })).atB;
    for (const [v, tensor] of values.entries())
      for (const [i, x] of tensor.entries()) {
        const off = Math.abs((got?.values[v]?.[i] ?? Number.NaN) - x);
        expect(off).toBeLessThanOrEqual(error * Math.max(Math.abs(x), 2 ** -14));
      }
  }
});

/** Comparing thousands of numbers one by one takes long. */
const digest = ({ values, ...key }: Frame): string =>
  JSON.stringify({
    ...key,
    values: values.map((v) => hex(sha256(new Uint8Array(v.buffer, v.byteOffset, v.byteLength)))),
  });

/** Faults that a bad network may do to the next packet of a direction. */
const trouble = fc.constantFrom('carry', 'carry', 'carry', 'carry', 'double', 'swap', 'lose', 'break');

test('each frame comes out exactly once and in order, whatever is lost, doubled, swapped or cut off', () => {
  fc.assert(
    fc.property(fc.array(trouble, { minLength: 5, maxLength: 120 }), (troubles) => {
      const { a, b, rekey } = ends();
      const frames = Array.from({ length: 40 }, (_, i) => frameOf(i === 13 ? 7 : 5, i >> 3, i & 7));
      const got: Frame[] = [];
      let generation = 0;
      let toB: Uint8Array[] = [];
      let toA: Uint8Array[] = [];
      const begin = (): void => {
        const { fromA, fromB } = rekey(generation++);
        [toB, toA] = [fromA, fromB];
      };
      const step = (): void => {
        const packet = toB.shift();
        const received = packet && b.receive(packet);
        expect(received?.broken).toBeUndefined();
        got.push(...(received?.frames ?? []));
        toA.push(...(received?.packets ?? []));
        const back = toA.shift();
        if (back) toB.push(...a.receive(back).packets);
      };
      begin();
      let next = 0;
      for (const what of troubles) {
        if (next < frames.length) toB.push(...a.send(frames[next++] as Frame));
        if (what === 'double' && toB[0]) toB.unshift(toB[0]);
        if (what === 'swap' && toB.length > 1) toB.unshift(...toB.splice(1, 1));
        if (what === 'lose') toB.shift();
        if (what === 'break') begin();
        step();
      }
      while (next < frames.length) toB.push(...a.send(frames[next++] as Frame));
      // At the end the network is sound; what was lost last is asked for when nothing comes.
      for (let round = 0; round < 3; round++) {
        toA.push(...b.requestResume());
        while (toA.length + toB.length > 0) step();
      }
      expect(got.map(digest)).toEqual(frames.map(digest));
    }),
    { numRuns: 40, seed: 7, endOnFailure: true },
  );
});

describe('a reader refuses, and takes nothing of,', () => {
  function connected(where = HERE, generation = 0) {
    const { a, b, rekey } = ends('f32', where);
    const { fromA, fromB } = rekey(generation);
    carry(a, b, fromA, fromB);
    return { a, b };
  }

  test('a packet with any bit changed: it asks again once, and then ends the connection', () => {
    const { a, b } = connected();
    const [packet] = a.send(frameOf(5, 0, 0)) as [Uint8Array];
    for (let bit = 0; bit < packet.length * 8; bit += 13) {
      const bent = Uint8Array.from(packet);
      bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(b.receive(bent).frames).toEqual([]);
    }
    const bent = Uint8Array.from(packet);
    bent[packet.length - 1] = (bent[packet.length - 1] as number) ^ 1;
    expect(b.receive(bent).broken?.reason).toContain('refused twice');
    expect(b.receive(packet).frames).toHaveLength(1);
  });

  test('a packet that it has already had', () => {
    const { a, b } = connected();
    const [packet] = a.send(frameOf(5, 0, 0)) as [Uint8Array];
    expect(b.receive(packet).frames).toHaveLength(1);
    expect(b.receive(packet)).toEqual({ frames: [], packets: [], refused: 'it was here before' });
  });

  // Where the keys are others it is left unread: an honest end that is behind looks the same, and sends it again itself.
  test.each<[string, Where, number, string?]>([
    ['another run', { ...HERE, run: 'digits-2' }, 0],
    ['a term before', { ...HERE, term: HERE.term - 1 }, 0],
    ['keys of an earlier connection', HERE, 1],
    ['another plan', { ...HERE, plan: seeded(8) }, 0, 'its header is of something else'],
  ])('a sound packet of %s that was recorded and is sent again', (_, where, generation, reason) => {
    const [recorded] = connected(where, generation).a.send(frameOf(5, 0, 0)) as [Uint8Array];
    const { a, b } = connected();
    const { frames, refused } = b.receive(recorded);
    expect({ frames, refused }).toEqual({ frames: [], refused: reason });
    const [own] = a.send(frameOf(5, 0, 0)) as [Uint8Array];
    expect(b.receive(own).frames).toHaveLength(1);
  });

  test('a packet of another border, direction or length', () => {
    const { a, b } = connected();
    for (const values of [[Float32Array.of(1)], [Float32Array.of(1, 2, 3), Float32Array.of(1, 2, 3)]]) {
      const other = connected();
      const [packet] = other.a.send({ ...frameOf(5, 0, 0), values }) as [Uint8Array];
      expect(other.b.receive(packet).refused).toContain('bytes, not 20');
    }
    const [unknown] = a.send({ ...frameOf(5, 0, 0), message: 99 }) as [Uint8Array];
    expect(b.receive(unknown).refused).toContain('no such border');
    const [own] = a.send(frameOf(5, 0, 0)) as [Uint8Array];
    expect(a.receive(own).refused).toContain('not sealed');
  });

  test('cut, empty and random bytes never end the program', () => {
    const { a, b } = connected();
    const [packet] = a.send(frameOf(5, 0, 0)) as [Uint8Array];
    for (let n = 0; n < packet.length; n += 3) expect(b.receive(packet.subarray(0, n)).frames).toEqual([]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(b.receive(bytes).frames).toEqual([]);
      }),
      { numRuns: 500, seed: 3 },
    );
  });
});

test('a reader that consumes nothing gets no more than its credit', () => {
  const { a, rekey } = ends();
  rekey(0);
  let packets = 0;
  for (let i = 0; i < 2 * CREDIT; i++) packets += a.send(frameOf(5, i, 0)).length;
  expect(packets).toBe(CREDIT);
  expect(a.blocked).toBe(true);
});

/** Two ways between two ends, each in order: the relay is always there, the direct one comes and goes with what is on it. */
class TwoWays {
  readonly problems: string[] = [];
  readonly got: [Frame[], Frame[]] = [[], []];
  readonly #ends: readonly [BorderChannel, BorderChannel];
  /** By sender. */
  readonly #relay: [Uint8Array[], Uint8Array[]] = [[], []];
  readonly #direct: [Uint8Array[], Uint8Array[]] = [[], []];
  /** Whether this end sees a direct way; the way itself. */
  readonly #sees = [false, false];
  #up = false;

  constructor(a: BorderChannel, b: BorderChannel) {
    this.#ends = [a, b];
  }

  carry(from: 0 | 1, packets: readonly Uint8Array[]): void {
    if (!this.#sees[from]) this.#relay[from].push(...packets);
    // A way that is gone swallows, until its end is noticed.
    else if (this.#up) this.#direct[from].push(...packets);
  }

  /** One packet, by one way. @returns whether there was one */
  deliver(from: 0 | 1, way: 'relay' | 'direct'): boolean {
    const packet = (way === 'relay' ? this.#relay : this.#direct)[from].shift();
    if (!packet) return false;
    const to = (1 - from) as 0 | 1;
    const received = this.#ends[to].receive(packet, way);
    this.got[to].push(...received.frames);
    for (const problem of [received.refused, received.broken?.reason])
      if (problem !== undefined) this.problems.push(problem);
    this.carry(to, received.packets);
    return true;
  }

  open(): void {
    this.#up = true;
  }

  break(): void {
    this.#up = false;
    this.#direct[0].length = 0;
    this.#direct[1].length = 0;
  }

  notice(end: 0 | 1): void {
    if (this.#sees[end] === this.#up) return;
    this.#sees[end] = this.#up;
    this.carry(end, this.#ends[end].reroute());
  }

  settle(): void {
    for (const end of [0, 1] as const) this.notice(end);
    while (
      this.deliver(0, 'relay') ||
      this.deliver(1, 'relay') ||
      this.deliver(0, 'direct') ||
      this.deliver(1, 'direct')
    );
  }
}

test('frames come out once and in order whenever a direct connection comes and goes beside the relay', () => {
  const end = fc.constantFrom<(0 | 1)[]>(0, 1);
  const action = fc.oneof(
    { weight: 4, arbitrary: fc.record({ what: fc.constant('send' as const), end }) },
    { weight: 8, arbitrary: fc.record({ what: fc.constantFrom('relay' as const, 'direct' as const), end }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('open' as const, 'break' as const), end }) },
    { weight: 3, arbitrary: fc.record({ what: fc.constant('notice' as const), end }) },
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 400 }), (actions) => {
      const { a, b, rekey } = ends();
      const ways = new TwoWays(a, b);
      const { fromA, fromB } = rekey(0);
      ways.carry(0, fromA);
      ways.carry(1, fromB);
      ways.settle();
      const sent: [Frame[], Frame[]] = [[], []];
      for (const { what, end: from } of actions) {
        if (what === 'send') {
          const frame = frameOf(from === 0 ? 5 : 6, sent[from].length, 0);
          sent[from].push(frame);
          ways.carry(from, (from === 0 ? a : b).send(frame));
        } else if (what === 'open' || what === 'break') ways[what]();
        else if (what === 'notice') ways.notice(from);
        else ways.deliver(from, what);
      }
      ways.break();
      ways.settle();
      // A packet may have been lost behind the last word of a way that broke: somebody asks.
      ways.carry(0, a.requestResume());
      ways.carry(1, b.requestResume());
      ways.settle();
      expect(ways.got[1].map(digest)).toEqual(sent[0].map(digest));
      expect(ways.got[0].map(digest)).toEqual(sent[1].map(digest));
      expect(ways.problems.filter((p) => p !== 'packets before it are missing')).toEqual([]);
    }),
    { numRuns: 300, seed: 11 },
  );
});

test('a packet that was received on one connection is refused when it is repeated there, and has no effect on the other', () => {
  const { a, b, rekey } = ends();
  const { fromA, fromB } = rekey(0);
  carry(a, b, fromA, fromB);
  const [packet] = a.send(frameOf(5, 0, 0));
  if (!packet) throw new Error('nothing was sent');
  expect(b.receive(packet, 'direct').frames).toHaveLength(1);
  expect(b.receive(packet, 'direct')).toMatchObject({ frames: [], refused: 'it was here before' });
  expect(b.receive(packet, 'relay').frames).toEqual([]);
  expect(b.receive(packet, 'relay')).toMatchObject({ frames: [], refused: 'it was here before' });
});
