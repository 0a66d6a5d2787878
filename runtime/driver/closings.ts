/** Shards that are being closed: what they hold is free only behind them, so that a new shard is opened then. */
import type { Ending } from './ending.ts';

export class Closings {
  #underWay = 0;
  #behind: (() => void)[] = [];

  begin(): void {
    this.#underWay++;
  }

  /** Tells of the end of one before anyone else hears of it. */
  ended(ending: Ending<void>): Ending<void> {
    let over = false;
    const end = (): void => {
      if (!over) this.#end();
      over = true;
    };
    return {
      done: () => {
        ending.done();
        end();
      },
      failed: (error) => {
        ending.failed(error);
        end();
      },
    };
  }

  /** At once where none is under way. */
  behind(open: () => void): void {
    if (this.#underWay === 0) open();
    else this.#behind.push(open);
  }

  #end(): void {
    if (--this.#underWay > 0) return;
    for (const open of this.#behind.splice(0)) open();
  }
}
