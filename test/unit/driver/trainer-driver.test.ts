/** The trainer's driver over ports of a test: what takes turns, what is given up, what is kept. */
import { describe, expect, test } from 'vitest';
import type { Ending } from '../../../runtime/driver/ending.ts';
import type { DrivenShard, ShardCalls } from '../../../runtime/driver/ports.ts';
import { TrainerDriver } from '../../../runtime/driver/trainer-driver.ts';
import { Turns } from '../../../runtime/driver/turns.ts';
import type { Outcome, SavedPart } from '../../../runtime/roles/trainer-state.ts';
import type { Message } from '../../../runtime/wire/messages.ts';
import { encodeBorderHead } from '../../../runtime/wire/routing.ts';
import { runTag } from '../../../runtime/wire/run-tag.ts';
import { chain } from '../../mesh/simulated.ts';

const deployment = chain(2, 4, 1, 2);
const { run } = deployment;
const STILL = { ticks: 0, busyMilliseconds: 0, awaits: '', waits: [], bytesSent: 0, bytesReceived: 0, refused: 0 };

/** A shard that notes what it is asked for; a test says when each piece of work ends. */
class NotedShard implements DrivenShard {
  readonly deployment = deployment;
  readonly owners = [];
  readonly calls: ShardCalls;
  readonly noted: string[];
  readonly advances: Ending<Outcome>[] = [];
  readonly stores: Ending<SavedPart>[] = [];
  term = 0;

  constructor(noted: string[], calls: ShardCalls) {
    this.noted = noted;
    this.calls = calls;
  }

  offer() {
    return { shard: 0, key: 'k', number: 1, exchange: '', sig: '' };
  }
  setPeers() {
    this.noted.push('peers');
  }
  begin(number: number) {
    this.noted.push(`begin ${number}`);
  }
  forget() {
    this.noted.push('forget');
  }
  requestResume() {
    this.noted.push('resume');
  }
  receive(from: number) {
    this.noted.push(`packet of ${from}`);
  }
  deliver(): string | undefined {
    this.noted.push('frame');
    return undefined;
  }
  measure() {
    return { ...STILL, borders: 0, direct: 0 };
  }
  takeCommits() {
    return [];
  }
  restore(term: number, _from: unknown, { done }: Ending<void>) {
    this.term = term;
    this.noted.push(`restore ${term}`);
    done();
  }
  advance(ending: Ending<Outcome>) {
    this.noted.push('advance');
    this.advances.push(ending);
  }
  save(calls: number, _last: boolean, kept: () => void, ending: Ending<SavedPart>) {
    this.noted.push(`save ${calls}`);
    this.stores.push(ending);
    kept();
  }
}

function drive(opens: 'opens' | 'fails' = 'opens') {
  const noted: string[] = [];
  const sent: Message[] = [];
  const shards: NotedShard[] = [];
  const beats: (() => void)[] = [];
  const driver = new TrainerDriver<NotedShard>({
    link: {
      send: (message) => sent.push(message),
      carry: () => undefined,
      meet: () => undefined,
      refused: () => 2,
      leave: (reason) => noted.push(`leave: ${reason}`),
    },
    clock: {
      now: () => 0,
      every: (_milliseconds, what) => {
        beats.push(what);
        return () => beats.splice(0);
      },
    },
    host: {
      open: (_at, _hash, calls, { done, failed }) => {
        noted.push('open');
        if (opens === 'fails') {
          failed(Object.assign(new Error('no room'), { code: 'plan/memory' }));
          return;
        }
        const shard = new NotedShard(noted, calls);
        shards.push(shard);
        done(shard);
      },
      close: (_at, shard, { done }) => {
        noted.push(shard ? 'close' : 'nothing to close');
        done();
      },
    },
    log: ({ event }) => noted.push(String(event)),
  });
  const assign = (term: number): void =>
    driver.hear({ type: 'assign', run, term, deployment: 'd', shards: [{ shard: 0 }] });
  const start = (term: number): void => driver.hear({ type: 'start', run, term, calls: 0 });
  const types = (): string[] => sent.splice(0).map(({ type }) => type);
  /** Notes since the last look. */
  const look = (): string[] => noted.splice(0);
  return { driver, shards, beats, assign, start, types, look, sent };
}

function running() {
  const driven = drive();
  driven.driver.connected();
  driven.assign(1);
  driven.start(1);
  const [shard] = driven.shards;
  if (!shard) throw new Error('it was not opened');
  return { ...driven, shard };
}

describe('a trainer', () => {
  test('opens a shard, offers a key, and works when it is told to', () => {
    const { look, types } = running();
    expect(look()).toEqual(['open', 'restore 1', 'begin 0', 'advance']);
    expect(types()).toEqual(['ready']);
  });

  test('begins a new term with the same shard when the work of the old one has ended', () => {
    const { driver, shard, assign, look } = running();
    look();
    assign(2);
    expect(look()).toEqual([]);
    expect(shard.term).toBe(1);
    shard.advances[0]?.done('done');
    // What the old term's work came to is nobody's: no call is begun.
    expect(look()).toEqual(['restore 2']);
    expect(driver.state.shards[`${run}/0`]).toMatchObject({ term: 2, phase: 'ready', calls: 0 });
  });

  test('goes on with a shard while its state is being stored, and begins a new term meanwhile', () => {
    const { shard, assign, look, types } = running();
    const part = { blob: 'b', hash: 'h', totals: {}, signature: 's' };
    shard.advances[0]?.done('done');
    look();
    types();
    shard.advances[1]?.done('done');
    expect(look()).toEqual(['save 2', 'begin 2', 'advance']);
    shard.stores[0]?.done(part);
    expect(types()).toEqual(['heartbeat', 'part']);
    shard.advances[2]?.done('done');
    shard.advances[3]?.done('done');
    expect(look()).toEqual(['begin 3', 'advance', 'save 4']);
    assign(2);
    expect(look()).toEqual(['restore 2']);
    // Of a term that is over.
    types();
    shard.stores[1]?.done(part);
    expect(types()).toEqual([]);
  });

  test('opens no shard for a term that ends before its turn comes', () => {
    const { shard, assign, look } = running();
    look();
    assign(2);
    assign(3);
    shard.advances[0]?.done('needs');
    expect(look()).toEqual(['restore 3']);
  });

  test('closes a shard after its work, unless the shard has come back', () => {
    const { driver, shard, assign, look } = running();
    look();
    driver.hear({ type: 'release', run, term: 1 });
    assign(2);
    shard.advances[0]?.done('done');
    expect(look()).toEqual(['restore 2']);
    driver.hear({ type: 'release', run, term: 2 });
    expect(look()).toEqual(['close']);
    expect(driver.shards).toEqual([]);
  });

  test('tells the mesh why a shard cannot be opened', () => {
    const { driver, assign, look, sent } = drive('fails');
    driver.connected();
    assign(1);
    expect(look()).toEqual(['open', 'shard-failed']);
    expect(sent).toMatchObject([{ type: 'failed', code: 'plan/memory', reason: 'no room' }]);
    driver.hear({ type: 'release', run, term: 1 });
    expect(look()).toEqual(['nothing to close']);
  });

  test('fails a shard whose work fails, unless the shard was stopped', () => {
    const first = running();
    first.look();
    first.shard.advances[0]?.failed(new Error('no device'));
    expect(first.look()).toEqual(['shard-failed']);
    expect(first.types()).toContain('failed');
    const second = running();
    second.look();
    second.driver.stop();
    second.shard.advances[0]?.failed(new Error('no device'));
    expect(second.look()).toEqual([]);
  });

  test('reports its progress with every heartbeat, until it is stopped', () => {
    const { driver, beats, types, sent } = running();
    driver.start();
    types();
    for (const beat of [...beats]) beat();
    expect(sent).toMatchObject([{ type: 'heartbeat', refused: 2, shards: [{ shard: 0, state: 'running' }] }]);
    driver.stop();
    expect(beats).toEqual([]);
  });

  test('keeps messages that must arrive while there is no connection', () => {
    const { driver, types } = running();
    driver.disconnected();
    types();
    driver.leave();
    expect(types()).toEqual([]);
    driver.connected();
    expect(types()).toEqual(['leave', 'ready']);
  });

  test('gives packets and frames only to the shard of the same term', () => {
    const { driver, shard, look } = running();
    look();
    const packet = (term: number, to: number, of = run): Uint8Array =>
      encodeBorderHead({ run: runTag(of), term, from: 1, to, keys: 0, counter: 0 });
    for (const other of [packet(2, 0), packet(1, 1), packet(1, 0, 'another'), new Uint8Array(3)])
      driver.receive(other, 'relay');
    expect(look()).toEqual([]);
    driver.receive(packet(1, 0), 'relay');
    const frame = { message: 0, callIndex: 0, microbatch: 0, tick: 0, values: [] };
    shard.calls.handOver(0, frame, 2);
    shard.calls.handOver(0, frame, 1);
    expect(look()).toEqual(['packet of 1', 'frame']);
  });
});

test('work of one name takes turns, whether it ends at once or later, and other names do not wait', () => {
  const turns = new Turns();
  const order: string[] = [];
  let end = (): void => undefined;
  turns.add('a', (ended) => {
    order.push('a1');
    end = ended;
  });
  for (const what of ['a2', 'a3'])
    turns.add('a', (ended) => {
      order.push(what);
      ended();
    });
  turns.add('b', () => order.push('b1'));
  expect(order).toEqual(['a1', 'b1']);
  end();
  // Twice ended is once ended.
  end();
  expect(order).toEqual(['a1', 'b1', 'a2', 'a3']);
});
