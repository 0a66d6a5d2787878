/** An emulated link carries bytes under a clock of the test. */
import { expect, test } from 'vitest';
import { BURST_BYTES, EmulatedLine, type LineClock } from '../../runtime/net/emulated-line.ts';

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
