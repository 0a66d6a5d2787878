/** An emulated link carries bytes under a clock of the test. */
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { BURST_BYTES, EmulatedLine, type LineClock } from '../../runtime/net/emulated-line.ts';
import { EmulatedSocket, emulatedLink } from '../../runtime/net/emulated-socket.ts';

interface Timer {
  readonly at: number;
  readonly what: () => void;
}

class TestClock implements LineClock {
  time = 0;
  #timers: Timer[] = [];

  readonly now = (): number => this.time;

  readonly later = (what: () => void, milliseconds: number): void => {
    this.#timers.push({ at: this.time + milliseconds, what });
  };

  runTo(end: number): void {
    const due = (): Timer | undefined => this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
    for (let next = due(); next; next = due()) {
      const one = next;
      this.#timers = this.#timers.filter((timer) => timer !== one);
      this.time = one.at;
      one.what();
    }
    this.time = end;
  }
}

interface Told {
  readonly what: string;
  readonly at: number;
}

function lineOf(bytesPerSecond: number | undefined, delayMilliseconds: number) {
  const clock = new TestClock();
  const line = new EmulatedLine({ bytesPerSecond, delayMilliseconds }, clock);
  const told: Told[] = [];
  const tell = (what: string) => (): void => {
    told.push({ what, at: clock.time });
  };
  const carry = (name: string, bytes: number): void => line.carry(bytes, tell(`${name} sent`), tell(`${name} arrived`));
  return { clock, carry, told };
}

test('bytes leave at the rate of the line after a burst, and arrive a delay later', () => {
  const { clock, carry, told } = lineOf(10_000, 40);
  carry('a', BURST_BYTES + 1000);
  carry('b', 500);
  clock.runTo(1000);
  expect(told).toEqual([
    { what: 'a sent', at: 100 },
    { what: 'a arrived', at: 140 },
    { what: 'b sent', at: 150 },
    { what: 'b arrived', at: 190 },
  ]);
});

test('a pause fills the bucket again, up to its depth', () => {
  const { clock, carry, told } = lineOf(1000, 0);
  carry('a', BURST_BYTES);
  clock.runTo(60_000);
  carry('b', BURST_BYTES);
  carry('c', 100);
  clock.runTo(61_000);
  expect(told.filter(({ what }) => what.endsWith('arrived'))).toEqual([
    { what: 'a arrived', at: 0 },
    { what: 'b arrived', at: 60_000 },
    { what: 'c arrived', at: 60_100 },
  ]);
});

test('a line without a rate has only its delay, and keeps the order', () => {
  const { clock, carry, told } = lineOf(undefined, 25);
  carry('a', 1e9);
  clock.runTo(10);
  carry('b', 1);
  clock.runTo(100);
  expect(told).toEqual([
    { what: 'a sent', at: 0 },
    { what: 'b sent', at: 10 },
    { what: 'a arrived', at: 25 },
    { what: 'b arrived', at: 35 },
  ]);
});

test('bytes that are put in while others come out keep their place', () => {
  const clock = new TestClock();
  const line = new EmulatedLine({ delayMilliseconds: 10 }, clock);
  const told: string[] = [];
  const tell = (name: string): void => {
    told.push(name);
  };
  const plain = new EmulatedLine({ delayMilliseconds: 0 }, clock);
  plain.carry(
    1,
    () =>
      plain.carry(
        1,
        () => tell('b sent'),
        () => tell('b arrived'),
      ),
    () => tell('a arrived'),
  );
  line.carry(
    1,
    () => undefined,
    () => tell('late'),
  );
  clock.runTo(20);
  expect(told).toEqual(['a arrived', 'b sent', 'b arrived', 'late']);
});

/** A connection of a link, and when its bytes have come out at the other end. */
function connectionOf(link: ReturnType<typeof emulatedLink>, clock: TestClock) {
  const far = Object.assign(new PassThrough({ highWaterMark: 1e9 }), { setNoDelay: () => undefined });
  const out: { readonly at: number; readonly bytes: number }[] = [];
  const { write } = far;
  far.write = ((chunk: Buffer) => {
    out.push({ at: clock.time, bytes: chunk.length });
    return write.call(far, chunk, 'utf8');
  }) as typeof far.write;
  return { socket: new EmulatedSocket(far as unknown as Socket, link), out };
}

test('a connection with much to send leaves the line to the others of its link', () => {
  const clock = new TestClock();
  const link = emulatedLink({ up: 1e6, delay: 0 }, clock);
  const [busy, other] = [connectionOf(link, clock), connectionOf(link, clock)];
  let done = false;
  busy.socket.write(Buffer.alloc(4_000_000), () => {
    done = true;
  });
  other.socket.write(Buffer.alloc(1000));
  clock.runTo(300);
  expect(other.out.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(1000);
  clock.runTo(3900);
  expect(done).toBe(false);
  clock.runTo(4100);
  expect(done).toBe(true);
  // Nothing is lost, and the line was never idle.
  expect(busy.out.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(4_000_000);
  expect(busy.out.at(-1)?.at).toBeLessThan(4010);
});
