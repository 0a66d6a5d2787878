/** A neighbour that lies on a border: its reader takes nothing of it, names it, and brings what proves it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { trainer } from '../../../runtime/roles/trainer.ts';
import type { TrainerEffect } from '../../../runtime/roles/trainer-state.ts';
import {
  EMPTY_TRAINER,
  type Grievance,
  type Measured,
  type TrainerEvent,
} from '../../../runtime/roles/trainer-state.ts';
import type { Broken } from '../../../runtime/wire/bad-frame.ts';
import {
  type BorderKeys,
  borderKeys,
  newEphemeral,
  signExchange,
  TAG_BYTES,
} from '../../../runtime/wire/border-keys.ts';
import { BorderChannel } from '../../../runtime/wire/channel.ts';
import type { Codec } from '../../../runtime/wire/codec.ts';
import type { Deployment } from '../../../runtime/wire/deployment.ts';
import { verdictOn } from '../../../runtime/wire/evidence.ts';
import { decodePacket, encodePacket, HEADER_BYTES, type Header } from '../../../runtime/wire/header.ts';
import { leafOf } from '../../../runtime/wire/merkle.ts';
import { BORDER_HEAD, decodeHead } from '../../../runtime/wire/routing.ts';
import { signWindow, type Window, windowBytes } from '../../../runtime/wire/window.ts';
import { PLAN, RUN, runTag, seeded, TERM } from '../networked.ts';
import { identities, type Side, TICKS, TwoShards } from './two-shards.ts';

const PLACE = { run: RUN, term: TERM };
const NOT_MEASURED: Measured = { now: 0, shards: {}, refused: 0 };
const [LIAR, READER] = [0, 1];
const liarKey = keyText(identities[LIAR as Side].publicKey);
/** Message 5 is short, 7 takes several packets. */
const LENGTHS: Readonly<Record<number, readonly number[]>> = { 5: [3], 7: [70_000] };

function verdict(broken: Broken | undefined): string {
  if (!broken) return 'no dispute';
  const { call, what, evidence } = broken;
  return verdictOn(PLACE, liarKey, { shard: READER, peer: LIAR, call, what, evidence });
}

/** A liar that keeps the rules of the channel but not those of values, or whose packets a test bends under its keys. */
class Lying {
  readonly liar: BorderChannel;
  readonly reader: BorderChannel;
  readonly leaves: Uint8Array[] = [];
  readonly #keys: readonly [BorderKeys, BorderKeys];
  broken: Broken | undefined;
  frames = 0;

  constructor(codec: Codec = 'f32') {
    const ephemerals = [0, 1].map((n) => newEphemeral(1, seeded(70 + n)));
    const exchanges = ephemerals.map((e, i) => signExchange(PLACE, i, e, identities[i as Side]));
    const keys = [0, 1].map((i) =>
      borderKeys(PLACE, ephemerals[i] as never, exchanges[i] as never, exchanges[1 - i] as never),
    );
    this.#keys = keys as [BorderKeys, BorderKeys];
    const [liar, reader] = ([0, 1] as const).map((own) => {
      const options = { run: RUN, runTag, plan: PLAN, term: TERM, own, peer: 1 - own, codec };
      return new BorderChannel({ ...options, keys: identities[own], lengthsOf: (message) => LENGTHS[message] });
    }) as [BorderChannel, BorderChannel];
    [this.liar, this.reader] = [liar, reader];
    this.carry(liar.rekey(this.#keys[0], keyText(identities[1].publicKey)));
    for (const packet of reader.rekey(this.#keys[1], liarKey)) liar.receive(packet);
  }

  /** To the reader. @param bend what becomes of the plain text of each packet */
  carry(packets: readonly Uint8Array[], bend: (plain: Uint8Array) => Uint8Array = (plain) => plain): void {
    for (const packet of packets) {
      const head = packet.subarray(0, BORDER_HEAD);
      const counter = decodeHead(packet);
      if (counter?.kind !== 1) throw new Error('no border packet');
      const plain = this.#keys[1].receive.open(counter.counter, head, packet.subarray(BORDER_HEAD));
      if (!plain) throw new Error('not sealed by the liar');
      const said = bend(plain);
      if (decodePacket(said)?.header.kind === 'data') this.leaves.push(leafOf(said));
      const sealed = Buffer.concat([head, said, new Uint8Array(TAG_BYTES)]);
      this.#keys[0].send.seal(counter.counter, sealed, said);
      const received = this.reader.receive(sealed);
      this.frames += received.frames.length;
      this.broken ??= received.broken;
      for (const back of received.packets) this.carry(this.liar.receive(back).packets, bend);
    }
  }

  say(call: number, tick: number, values: readonly number[], bend?: (plain: Uint8Array) => Uint8Array): void {
    const message = values.length > 3 ? 7 : 5;
    const frame = { message, callIndex: call, microbatch: 0, tick, values: [Float64Array.from(values)] };
    this.carry(this.liar.send(frame), bend);
  }

  close(
    call: number,
    window?: (honest: readonly Uint8Array[]) => Window,
    bend: (plain: Uint8Array) => Uint8Array = (plain) => plain,
  ): void {
    this.carry(this.liar.closeWindow(call), (plain) => {
      const packet = decodePacket(plain);
      if (packet?.header.kind !== 'window' || !window) return bend(plain);
      return encodePacket(packet.header, windowBytes(window(this.leaves)));
    });
  }
}

const BETWEEN = { ...PLACE, own: LIAR, peer: READER };
const signed = (call: number, direction: number, leaves: readonly Uint8Array[], by: Side = 0): Window =>
  signWindow(BETWEEN, call, direction, leaves, identities[by]);

describe('a reader', () => {
  const lie = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e30, -2e12);

  test('proves who sent a value that must not cross, and takes no frame of that sender', () => {
    const where = fc.record({
      before: fc.nat(12),
      place: fc.nat(2),
      codec: fc.constantFrom<Codec[]>('f32', 'f16', 'f64'),
    });
    fc.assert(
      fc.property(lie, where, (value, { before, place, codec }) => {
        const border = new Lying(codec);
        for (let tick = 0; tick < before; tick++) border.say(4, tick, [1, 2, 3]);
        border.say(4, before, [1, 2, 3].toSpliced(place, 1, value));
        expect(border.frames).toBe(before);
        expect(border.broken?.what).toBe('values');
        expect(verdict(border.broken)).toBe('proved');
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  test.each([0, 69_999, 65_535, 65_536])('proves value %i in a frame of several packets', (at) => {
    const border = new Lying('f64');
    border.say(2, 0, [1, 2, 3]);
    border.say(2, 1, new Array(70_000).fill(0.5).toSpliced(at, 1, Number.NaN));
    expect(verdict(border.broken)).toBe('proved');
    expect(JSON.stringify(border.broken?.evidence).length).toBeLessThan(1_000_000);
  });

  test('proves a window over packets other than the signed ones', () => {
    const lies: ((leaves: readonly Uint8Array[]) => Window)[] = [
      (leaves) => signed(4, 0, [...leaves.slice(0, -1), seeded(1)]),
      (leaves) => signed(4, 0, leaves.slice(0, -1)),
      (leaves) => signed(4, 0, leaves.toReversed()),
      () => signed(4, 0, []),
    ];
    for (const window of lies) {
      const border = new Lying();
      for (let tick = 0; tick < 5; tick++) border.say(4, tick, [tick, 2, 3]);
      border.close(4, window);
      expect(border.broken?.what).toBe('root');
      expect(verdict(border.broken)).toBe('proved');
    }
  });

  test('accuses without proof, when it has asked some times, who does not sign a value that must not cross', () => {
    const { liar, reader } = new Lying();
    const frame = { message: 5, callIndex: 4, microbatch: 0, tick: 0, values: [Float64Array.of(1, Number.NaN, 3)] };
    const received = liar.send(frame).map((packet) => reader.receive(packet));
    expect(received).toMatchObject([{ frames: [] }]);
    expect(received[0]?.packets).toHaveLength(1);
    for (let asked = 1; asked < 3; asked++) {
      expect(reader.unsigned).toBeUndefined();
      expect(reader.requestResume()).toHaveLength(1);
    }
    expect(reader.unsigned).toMatchObject({ what: 'border', call: 4 });
    expect(reader.unsigned?.reason).toContain('is not signed');
  });

  test('leaves undecided what proves nothing, and is never a false accuser itself', () => {
    const lies: ((border: Lying) => void)[] = [
      // Windows of more packets than came, of another call, unsigned, signed by another, of the other direction, of nothing.
      (b) => b.close(4, (leaves) => signed(4, 0, [...leaves, seeded(1)])),
      (b) => b.close(4, (leaves) => signed(5, 0, leaves)),
      (b) => b.close(4, (leaves) => ({ ...signed(4, 0, leaves), sig: '0'.repeat(128) })),
      (b) => b.close(4, (leaves) => signed(4, 0, leaves, 1)),
      (b) => b.close(4, (leaves) => signed(4, 1, leaves)),
      // A signature that is none, before a sound window, and over a bad value; one that is too short.
      (b) => b.close(4, (leaves) => signed(4, 0, leaves), spoiled),
      (b) => b.close(4, (leaves) => signed(4, 0, leaves), short),
      (b) => b.say(4, 8, [1, Number.NaN, 3], spoiled),
      (b) => b.say(4, 8, [1, 2, 3], bare),
      (b) => b.say(4, 8, [1, 2, 3], (plain) => bent(plain, { codec: 'f64' })),
      (b) => b.say(4, 8, [1, 2, 3], (plain) => bent(plain, { border: 99 })),
      (b) => b.say(4, 8, [1, 2, 3], (plain) => bent(plain, { term: TERM + 1 })),
      (b) => b.say(4, 8, [1, 2, 3], (plain) => bent(plain, { batch: 5 })),
      (b) =>
        b.say(4, 8, new Array(70_000).fill(1), (plain) =>
          bent(plain, { tick: decodePacket(plain)?.header.chunk ?? 0 }),
        ),
    ];
    for (const [i, tell] of lies.entries()) {
      const border = new Lying();
      for (let tick = 0; tick < 5; tick++) border.say(4, tick, [tick, 2, 3]);
      tell(border);
      // A refused packet is asked for once more, and comes again as bad as it was.
      if (!border.broken) border.close(4);
      expect(verdict(border.broken), `lie ${i}`).toBe('undecided');
    }
  });
});

const isSignature = (plain: Uint8Array): boolean => decodePacket(plain)?.header.kind === 'signature';

const spoiled = (plain: Uint8Array): Uint8Array => {
  const copy = Uint8Array.from(plain);
  if (isSignature(plain)) copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
  return copy;
};

const short = (plain: Uint8Array): Uint8Array => {
  const decoded = decodePacket(plain);
  return decoded && isSignature(plain) ? encodePacket(decoded.header, decoded.payload.subarray(1)) : plain;
};

/** A frame that does not end. */
const bare = (plain: Uint8Array): Uint8Array => bent(plain, { phase: 0 });

/** Other words in the header of data. */
function bent(plain: Uint8Array, fields: Partial<Header>): Uint8Array {
  const decoded = decodePacket(plain);
  if (decoded?.header.kind !== 'data') return plain;
  return encodePacket({ ...decoded.header, ...fields }, plain.subarray(HEADER_BYTES));
}

describe('a shard', () => {
  function met(): TwoShards {
    const border = new TwoShards(TERM);
    for (const side of [0, 1] as const) border.offer(side);
    border.tellAll();
    border.settle();
    return border;
  }

  test('names the liar once, and takes nothing more from any border in the term', () => {
    const border = met();
    border.send(0, 0, 0);
    border.send(0, 0, 1, [1, Number.NaN, 2]);
    border.send(0, 0, 2);
    border.settle();
    border.send(0, 0, 3, [1, Number.NaN, 2]);
    border.settle();
    expect(border.got[1].map((f) => f.tick)).toEqual([0]);
    expect(border.disputes[1]).toHaveLength(1);
    expect(border.disputes[1][0]).toMatchObject({ peer: 0, call: 0, what: 'values' });
    expect(verdict(border.disputes[1][0])).toBe('proved');
    expect(border.disputes[0]).toEqual([]);
    border.ends[1].begin(TERM + 1);
    expect(border.ends[1].disputes).toBeUndefined();
  });

  test.each([
    ['a tick that does not exist', 0, TICKS],
    ['a call after the last one', 1000, 0],
  ])('accuses without proof where the frame has %s, since only the schedule could judge it', (_name, call, tick) => {
    const border = met();
    border.send(0, call, tick);
    border.settle();
    expect(border.got[1]).toEqual([]);
    expect(border.disputes[1]).toMatchObject([{ peer: 0, what: 'border' }]);
  });
});

describe('a trainer', () => {
  const at = { run: RUN, term: TERM, shard: 1 };
  const lengths = { train: { length: 100 }, checks: [], batch: 1, evaluations: [], epochs: 1, snapshotEvery: 10 };
  const deployment = { run: RUN, ahead: 0, ...lengths } as unknown as Deployment;
  const dispute: Grievance = { peer: 0, call: 3, what: 'border' };

  function stateAfter(...events: TrainerEvent[]) {
    const assign = { type: 'assign' as const, run: RUN, term: TERM, deployment: '', shards: [{ shard: 1 }] };
    const begun: TrainerEvent[] = [
      { kind: 'connected', measured: NOT_MEASURED },
      { kind: 'message', message: assign },
      { kind: 'opened', at, deployment, calls: 0 },
      { kind: 'message', message: { type: 'start', run: RUN, term: TERM, calls: 0 } },
    ];
    let state = EMPTY_TRAINER;
    let effects: readonly TrainerEffect[] = [];
    for (const event of [...begun, ...events]) ({ state, effects } = trainer(state, event));
    return {
      shard: state.shards[`${RUN}/1`],
      effects,
      sent: effects.flatMap((e) => (e.kind === 'send' ? [e.message] : [])),
    };
  }

  test('brings a dispute, neither works nor fails, and says so', () => {
    const { shard, sent } = stateAfter({ kind: 'disputed', at, dispute });
    expect(sent).toEqual([{ type: 'dispute', ...at, ...dispute }]);
    expect(shard).toMatchObject({ phase: 'waiting', reason: 'disputes with shard 0' });
    const work: TrainerEvent[] = [
      { kind: 'advanced', at, outcome: 'send' },
      { kind: 'news', at },
      { kind: 'advanced', at, outcome: 'done' },
      { kind: 'disputed', at, dispute: { ...dispute, call: 4 } },
    ];
    const held = stateAfter({ kind: 'disputed', at, dispute }, ...work);
    expect(held).toMatchObject({ effects: [], shard: { phase: 'waiting', reason: 'disputes with shard 0' } });
  });

  test('brings a dispute again on each new connection, until a new term begins', () => {
    const disputed: TrainerEvent[] = [{ kind: 'disputed', at, dispute }, { kind: 'disconnected' }];
    const again = stateAfter(...disputed, { kind: 'connected', measured: NOT_MEASURED });
    expect(again.sent).toEqual([{ type: 'dispute', ...at, ...dispute }]);
    const assign = { type: 'assign' as const, run: RUN, term: TERM + 1, deployment: '', shards: [{ shard: 1 }] };
    const next = stateAfter(
      ...disputed,
      { kind: 'message', message: assign },
      { kind: 'connected', measured: NOT_MEASURED },
    );
    expect(next.sent).toEqual([]);
    expect(next.shard).toMatchObject({ phase: 'loading', term: TERM + 1 });
  });

  test('still delivers the part that it was storing', () => {
    const part = { blob: 'b', hash: 'h', totals: {}, signature: 's' };
    const done: TrainerEvent[] = Array.from({ length: 10 }, () => ({ kind: 'advanced', at, outcome: 'done' }));
    const { sent, shard, effects } = stateAfter(
      ...done,
      { kind: 'disputed', at, dispute },
      { kind: 'kept', at, calls: 10 },
      { kind: 'saved', at, calls: 10, part, measured: NOT_MEASURED },
    );
    expect(sent).toMatchObject([{ type: 'heartbeat' }, { type: 'part', calls: 10 }]);
    expect(effects).toHaveLength(2);
    expect(shard?.phase).toBe('waiting');
  });
});
