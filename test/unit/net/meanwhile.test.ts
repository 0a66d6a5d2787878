import { describe, expect, it } from 'vitest';
import { Meanwhile, type MeanwhilePort } from '../../../runtime/net/meanwhile.ts';

/** So many pieces to do; `onPiece` is told how many have been done. */
function waiting(pieces: number, over: Partial<MeanwhilePort> = {}, onPiece: (done: number) => void = () => undefined) {
  let [done, time] = [0, 0];
  const meanwhile = new Meanwhile({
    settleOne: () => {
      if (done === pieces) return false;
      onPiece(++done);
      return true;
    },
    isLate: () => false,
    isOver: () => false,
    // A clock that goes on by itself: nothing here waits for a real one.
    now: () => time++,
    ...over,
  });
  return { meanwhile, done: () => done };
}

describe('Meanwhile', () => {
  it('does all that can wait, and then sleeps', async () => {
    const { meanwhile, done } = waiting(5);
    expect(await meanwhile.hears()).toBe(false);
    expect(done()).toBe(5);
  });

  it('leaves off behind the piece within which something came', async () => {
    const { meanwhile, done } = waiting(5, {}, (piece) => {
      if (piece === 2) expect(meanwhile.hear()).toBe(true);
    });
    expect(await meanwhile.hears()).toBe(true);
    expect(done()).toBe(2);
    expect(meanwhile.hear()).toBe(false);
  });

  it('goes on where so much waits that it has to be done', async () => {
    const { meanwhile, done } = waiting(5, { isLate: () => done() < 4 }, () => meanwhile.hear());
    expect(await meanwhile.hears()).toBe(true);
    expect(done()).toBe(4);
  });

  it('says what came before it looked, and forgets what is known', async () => {
    const { meanwhile } = waiting(0);
    meanwhile.hear();
    expect(await meanwhile.hears()).toBe(true);
    meanwhile.forget();
    expect(await meanwhile.hears()).toBe(false);
  });

  it('looks for a while, and sleeps at once for some waits when that was in vain', async () => {
    let [turns, time] = [0, 0];
    const isOver = (): boolean => {
      turns++;
      return false;
    };
    const { meanwhile } = waiting(0, { isOver, now: () => (time += 0.01) });
    const turnsOf = async (): Promise<number> => {
      turns = 0;
      await meanwhile.hears();
      return turns;
    };
    expect(await turnsOf()).toBeGreaterThan(5);
    expect(await turnsOf()).toBe(1);
    meanwhile.hear();
    expect(await turnsOf()).toBe(1);
    meanwhile.forget();
    expect(await turnsOf()).toBeGreaterThan(5);
  });

  it('ends when nothing that comes is of use', async () => {
    const { meanwhile, done } = waiting(5, { isOver: () => true });
    meanwhile.hear();
    expect(await meanwhile.hears()).toBe(false);
    expect(done()).toBe(0);
  });

  it('does no piece before it has looked for what is here already', async () => {
    const { meanwhile, done } = waiting(5);
    setImmediate(() => meanwhile.hear());
    expect(await meanwhile.hears()).toBe(true);
    expect(done()).toBe(0);
  });

  it('is woken from its sleep by what comes, and else says after a while that nothing did', async () => {
    const { meanwhile, done } = waiting(2, { asleep: 1e6 });
    const heard = meanwhile.hears();
    for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate);
    expect(done()).toBe(2);
    expect(meanwhile.hear()).toBe(true);
    expect(await heard).toBe(true);
    expect(await waiting(2, { asleep: 1 }).meanwhile.hears()).toBe(false);
  });

  it('does a piece a turn while the device works on another core, and none behind that', async () => {
    const { meanwhile, done } = waiting(5, { isApart: true });
    let end: (value: string) => void = () => undefined;
    const work = meanwhile.beside(new Promise<string>((resolve) => (end = resolve)));
    expect(done()).toBe(0);
    for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate);
    expect(done()).toBe(3);
    end('results');
    expect(await work).toBe('results');
    for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate);
    expect(done()).toBe(3);
  });

  it('does what comes while the device works, and nothing beside one that needs this core', async () => {
    for (const isApart of [true, false]) {
      let pieces = 0;
      const settleOne = (): boolean => pieces > 0 && pieces-- > 0;
      const { meanwhile } = waiting(0, { isApart, settleOne });
      let end: () => void = () => undefined;
      const work = meanwhile.beside(new Promise<void>((resolve) => (end = resolve)));
      for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate);
      pieces = 2;
      meanwhile.hear();
      for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
      expect(pieces).toBe(isApart ? 0 : 2);
      end();
      await work;
    }
  });

  it('fails as a piece does that it did beside the device', async () => {
    const settleOne = (): boolean => {
      throw new Error('no hash');
    };
    const { meanwhile } = waiting(0, { isApart: true, settleOne });
    let end: () => void = () => undefined;
    const work = meanwhile.beside(new Promise<void>((resolve) => (end = resolve)));
    for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate);
    end();
    await expect(work).rejects.toThrow('no hash');
  });
});
