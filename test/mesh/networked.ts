/** Parts of tests of the wire: two ends of a border, with keys that are always the same. */
import { type KeyPair, keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import { borderKeys, newEphemeral, signExchange } from '../../runtime/wire/border-keys.ts';
import { BorderChannel } from '../../runtime/wire/channel.ts';
import type { Codec } from '../../runtime/wire/codec.ts';
import { sha256 } from '../../runtime/wire/hash.ts';

export const seeded = (n: number): Uint8Array => new Uint8Array(32).fill(n);
export const RUN = 'digits-1';
export const TERM = 3;
export const PLAN = seeded(9);
const tagOf = (run: string): Uint8Array => sha256(new TextEncoder().encode(run)).subarray(0, 16);
export const runTag = tagOf(RUN);
/** Message 5 goes from shard 0 to 1 and holds 3 + 2 values, 6 comes back with 4; 7 needs two packets. */
const LENGTHS: Readonly<Record<number, readonly number[]>> = { 5: [3, 2], 6: [4], 7: [70_000] };

export interface Ends {
  readonly a: BorderChannel;
  readonly b: BorderChannel;
  /** How often either end has signed something of a frame or a window. */
  signatures(): number;
  /** Fresh keys for both; what each end then sends. */
  rekey(generation: number): { readonly fromA: Uint8Array[]; readonly fromB: Uint8Array[] };
}

/** Where a border is, apart from its two shards. */
export interface Where {
  readonly run: string;
  readonly term: number;
  readonly plan: Uint8Array;
}

export const HERE: Where = { run: RUN, term: TERM, plan: PLAN };

export function ends(codec: Codec = 'f32', { run, term, plan }: Where = HERE): Ends {
  const identities = [keyPairFromSeed(seeded(1)), keyPairFromSeed(seeded(2))] as const;
  const place = { run, term };
  let signatures = 0;
  const counting = (keys: KeyPair): KeyPair => ({
    publicKey: keys.publicKey,
    get secretKey() {
      signatures++;
      return keys.secretKey;
    },
  });
  const channel = (own: 0 | 1): BorderChannel =>
    new BorderChannel({
      run,
      runTag: tagOf(run),
      plan,
      term,
      own,
      peer: 1 - own,
      keys: counting(identities[own]),
      codec,
      lengthsOf: (message) => LENGTHS[message],
    });
  const [a, b] = [channel(0), channel(1)];
  return {
    a,
    b,
    signatures: () => signatures,
    rekey(generation) {
      const ephemerals = [0, 1].map((i) => newEphemeral(generation, seeded(100 + 2 * generation + i)));
      const exchanges = ephemerals.map((e, i) => signExchange(place, i, e, identities[i as 0 | 1]));
      const [first, second] = [0, 1].map((own) => {
        const keys = borderKeys(place, ephemerals[own] as never, exchanges[own] as never, exchanges[1 - own] as never);
        if (!keys) throw new Error('no keys');
        return (own === 0 ? a : b).rekey(keys, exchanges[1 - own]?.key ?? '');
      });
      return { fromA: first ?? [], fromB: second ?? [] };
    },
  };
}

export function frameOf(message: number, callIndex: number, tick: number): Parameters<BorderChannel['send']>[0] {
  const values = (LENGTHS[message] ?? []).map((n, v) =>
    Float32Array.from({ length: n }, (_, i) => callIndex + tick / 8 + v / 16 + (i % 7) / 32),
  );
  return { message, callIndex, microbatch: 0, tick, values };
}
