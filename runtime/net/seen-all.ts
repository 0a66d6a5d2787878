/** Asks all synchronizers how it stands with what they lead; one that does not answer within a second is left out. */
import type { Word } from './backbone.ts';
import type { Seen } from './told-status.ts';

/** Milliseconds. */
const WITHIN_MS = 1000;

interface Looking {
  readonly missing: Set<string>;
  readonly found: Map<string, Seen>;
  readonly end: () => void;
}

export class SeenAll {
  readonly #say: (word: Word) => void;
  readonly #looking = new Map<number, Looking>();
  #numbers = 0;

  constructor(say: (word: Word) => void) {
    this.#say = say;
  }

  /** @returns by their names */
  all(names: readonly string[]): Promise<ReadonlyMap<string, Seen>> {
    const found = new Map<string, Seen>();
    if (names.length === 0) return Promise.resolve(found);
    const id = ++this.#numbers;
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#looking.delete(id);
        resolve(found);
      };
      const timer = setTimeout(end, WITHIN_MS);
      this.#looking.set(id, { missing: new Set(names), found, end });
      this.#say({ kind: 'look', id });
    });
  }

  seen(name: string, id: number, seen: Seen): void {
    const looking = this.#looking.get(id);
    looking?.found.set(name, seen);
    this.#without(looking, name);
  }

  gone(name: string): void {
    for (const looking of this.#looking.values()) this.#without(looking, name);
  }

  #without(looking: Looking | undefined, name: string): void {
    looking?.missing.delete(name);
    if (looking?.missing.size === 0) looking.end();
  }
}
