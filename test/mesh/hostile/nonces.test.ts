/**
 * A relay that says old words again: it may lose and repeat what it carries, `peers` and packets alike, but never makes
 * an end seal two packets with one key and counter. AES-GCM with a nonce used twice shows both texts and its key.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type BorderKeys,
  borderKeys,
  exchangeHolds,
  isNewest,
  newEphemeral,
  signExchange,
} from '../../../runtime/wire/border-keys.ts';
import { BorderChannel } from '../../../runtime/wire/channel.ts';
import { type BorderHead, decodeHead } from '../../../runtime/wire/routing.ts';
import { frameOf, PLAN, RUN, runTag, seeded, TERM } from '../networked.ts';
import { identities, type Side, TICKS, TwoShards } from './two-shards.ts';

const PLACE = { run: RUN, term: TERM };

/** Which key and counter. The id of a key is of 32 bits of its transcript: two keys of a test never share it. */
function nonceOf(packet: Uint8Array): string {
  const { from, keys, counter } = decodeHead(packet) as BorderHead;
  return `${from}/${keys}/${counter}`;
}

function usedTwice(packets: readonly Uint8Array[]): string[] {
  const nonces = packets.map(nonceOf);
  return nonces.filter((nonce, i) => nonces.indexOf(nonce) !== i);
}

describe('a channel', () => {
  /** Keys of each pair of generations, as the lower end has them. */
  function allKeys(generations: number): BorderKeys[] {
    const [own, other] = ([0, 1] as const).map((side) =>
      Array.from({ length: generations }, (_, n) => {
        const ephemeral = newEphemeral(n, seeded(50 + 100 * side + n));
        return { ephemeral, exchange: signExchange(PLACE, side, ephemeral, identities[side]) };
      }),
    ) as [Own[], Own[]];
    return own.flatMap((a) => other.map((b) => borderKeys(PLACE, a.ephemeral, a.exchange, b.exchange) as BorderKeys));
  }
  type Own = { ephemeral: ReturnType<typeof newEphemeral>; exchange: ReturnType<typeof signExchange> };
  const keys = allKeys(4);

  test('uses no key and counter twice, whatever keys it gets again and whatever it sends in between', () => {
    const step = fc.oneof(
      fc.record({ what: fc.constant('rekey' as const), which: fc.nat(keys.length - 1) }),
      fc.record({
        what: fc.constantFrom('send' as const, 'requestResume' as const, 'reroute' as const, 'close' as const),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const options = { run: RUN, runTag, plan: PLAN, term: TERM, own: 0, peer: 1, codec: 'f32' as const };
        const channel = new BorderChannel({ ...options, keys: identities[0], lengthsOf: () => [1] });
        const sealed: Uint8Array[] = [];
        let order = -1;
        let call = 0;
        for (const each of steps) {
          if (each.what === 'rekey') {
            const given = keys[each.which] as BorderKeys;
            const refused = given.order < order;
            try {
              sealed.push(...channel.rekey(given, ''));
              expect(refused).toBe(false);
              order = given.order;
            } catch (error) {
              expect(String(error)).toContain('these keys were replaced');
              expect(given.order).toBeLessThanOrEqual(order);
            }
          } else if (each.what === 'send')
            sealed.push(...channel.send({ ...frameOf(5, call, 0), values: [new Float32Array(1)] }));
          else if (each.what === 'close') sealed.push(...channel.closeWindow(call++));
          else sealed.push(...channel[each.what]());
        }
        expect(usedTwice(sealed)).toEqual([]);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  test('goes on with its present keys when it gets them again', () => {
    const options = { run: RUN, runTag, plan: PLAN, term: TERM, own: 0, peer: 1, codec: 'f32' as const };
    const channel = new BorderChannel({ ...options, keys: identities[0], lengthsOf: () => [1] });
    const [first, second] = [keys[0] as BorderKeys, keys[1] as BorderKeys];
    const before = channel.rekey(first, '');
    expect(channel.rekey(first, '')).toEqual([]);
    const [next] = channel.requestResume();
    expect(nonceOf(next as Uint8Array)).toBe(`0/${first.id}/${before.length}`);
    channel.rekey(second, '');
    expect(() => channel.rekey(first, '')).toThrow('these keys were replaced');
  });
});

describe('an exchange', () => {
  const [first, second, third] = [1, 2, 3].map((n) =>
    signExchange(PLACE, 0, newEphemeral(n, seeded(n)), identities[0]),
  ) as [Signed, Signed, Signed];
  type Signed = ReturnType<typeof signExchange>;

  test('is signed by its owner, and so is its number', () => {
    expect(exchangeHolds(PLACE, first)).toBe(true);
    expect(exchangeHolds(PLACE, { ...first, number: 9 })).toBe(false);
    expect(exchangeHolds({ ...PLACE, term: TERM + 1 }, first)).toBe(false);
    for (const number of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(exchangeHolds(PLACE, { ...first, number })).toBe(false);
  });

  test('is not valid once replaced, from another owner, or as a second one of the same number', () => {
    expect(isNewest(PLACE, undefined, second)).toBe(true);
    expect(isNewest(PLACE, second, second)).toBe(true);
    expect(isNewest(PLACE, second, third)).toBe(true);
    expect(isNewest(PLACE, second, first)).toBe(false);
    expect(isNewest(PLACE, second, signExchange(PLACE, 0, newEphemeral(2, seeded(9)), identities[0]))).toBe(false);
    expect(isNewest(PLACE, second, signExchange(PLACE, 0, newEphemeral(3, seeded(9)), identities[1]))).toBe(false);
    expect(isNewest(PLACE, undefined, { ...second, sig: third.sig })).toBe(false);
  });
});

describe('the ends of a border', () => {
  test('refuse and count a neighbour’s earlier exchange that is repeated, and seal nothing with its keys', () => {
    const border = new TwoShards();
    for (const side of [0, 1] as const) border.offer(side);
    border.tellAll();
    border.send(0, 0, 0);
    border.settle();
    border.offer(1);
    border.tellAll();
    border.send(0, 0, 1);
    border.settle();
    const [own, [replaced]] = border.exchanges;
    const sealed = border.sealed.length;
    border.tell(0, own.at(-1), replaced);
    border.send(0, 0, 2);
    border.settle();
    expect(border.ends[0].refused).toBe(1);
    expect(border.sealed.length).toBeGreaterThan(sealed);
    expect(usedTwice(border.sealed)).toEqual([]);
    expect(border.got[1].map((f) => f.tick)).toEqual([0, 1, 2]);
    expect(border.disputes).toEqual([[], []]);
  });

  test('use no nonce twice, raise no dispute and get frames once and in order, whatever the relay repeats and loses', () => {
    const side = fc.constantFrom<Side[]>(0, 1);
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ what: fc.constant('send' as const), at: side }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constant('offer' as const), at: side }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constant('honest' as const) }) },
      { weight: 3, arbitrary: fc.record({ what: fc.constant('say' as const), at: side, a: fc.nat(), b: fc.nat() }) },
      {
        weight: 5,
        arbitrary: fc.record({ what: fc.constantFrom('carry', 'lose', 'double', 'old'), at: side, a: fc.nat() }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const border = new TwoShards();
        for (const at of [0, 1] as const) border.offer(at);
        const sent: [number, number] = [0, 0];
        const heard: [Uint8Array[], Uint8Array[]] = [[], []];
        const next = (from: Side): void => {
          const n = sent[from]++;
          border.send(from, Math.floor(n / TICKS), n % TICKS);
          if (n % TICKS === TICKS - 1) border.ends[from].closeWindows(Math.floor(n / TICKS));
        };
        for (const each of steps) {
          if (each.what === 'honest') border.tellAll();
          else if (each.what === 'send') next(each.at);
          else if (each.what === 'offer') border.offer(each.at);
          else if (each.what === 'say') {
            const [lower, higher] = border.exchanges;
            border.tell(each.at, lower[each.a % lower.length], higher[each.b % higher.length]);
          } else {
            const queue = border.packets[each.at];
            const [packet] = queue;
            if (packet && each.what === 'carry') heard[each.at].push(packet);
            if (each.what === 'double' && packet) queue.unshift(packet);
            if (each.what === 'lose') queue.shift();
            else if (each.what === 'old' && heard[each.at].length > 0)
              border.ends[each.at === 0 ? 1 : 0].receive(
                each.at,
                heard[each.at][each.a % heard[each.at].length] as Uint8Array,
                'relay',
              );
            else border.deliver(each.at);
          }
        }
        // At the end it is honest.
        for (const at of [0, 1] as const) border.offer(at);
        border.tellAll();
        for (let round = 0; round < 3; round++) {
          for (const end of border.ends) end.requestResume();
          border.settle();
        }
        expect(usedTwice(border.sealed)).toEqual([]);
        expect(border.disputes).toEqual([[], []]);
        for (const from of [0, 1] as const) {
          const ticks = border.got[1 - from]?.map((f) => f.callIndex * TICKS + f.tick);
          expect(ticks).toEqual(Array.from({ length: sent[from] }, (_, i) => i));
        }
      }),
      { numRuns: 150, seed: 2 },
    );
  });
});
