/** Places for work that runs at the same time: so many for one key, so many for all; the others wait in their order. */
export class Slots {
  readonly #perKey: number;
  readonly #all: number;
  readonly #mostWaiting: number;
  readonly #busy = new Map<string, number>();
  readonly #waiting = new Map<string, (() => void)[]>();
  #total = 0;

  /** @param mostWaiting of one key */
  constructor(perKey: number, all: number, mostWaiting: number) {
    this.#perKey = perKey;
    this.#all = all;
    this.#mostWaiting = mostWaiting;
  }

  /** @returns what gives the place back; nothing where too many of this key wait already */
  async take(key: string): Promise<(() => void) | undefined> {
    if (!this.#isFree(key)) {
      const queue = this.#waiting.get(key) ?? [];
      if (queue.length >= this.#mostWaiting) return undefined;
      this.#waiting.set(key, queue);
      await new Promise<void>((resolve) => queue.push(resolve));
    } else this.#occupy(key);
    return () => this.#release(key);
  }

  #isFree(key: string): boolean {
    return this.#total < this.#all && (this.#busy.get(key) ?? 0) < this.#perKey;
  }

  #occupy(key: string): void {
    this.#total++;
    this.#busy.set(key, (this.#busy.get(key) ?? 0) + 1);
  }

  #release(key: string): void {
    this.#total--;
    const left = (this.#busy.get(key) ?? 1) - 1;
    if (left > 0) this.#busy.set(key, left);
    else this.#busy.delete(key);
    this.#next();
  }

  /** Keys take turns: one that has just been served goes to the end. */
  #next(): void {
    for (const [key, queue] of this.#waiting) {
      if (!this.#isFree(key)) continue;
      const begin = queue.shift();
      this.#waiting.delete(key);
      if (queue.length > 0) this.#waiting.set(key, queue);
      if (!begin) continue;
      this.#occupy(key);
      begin();
      return;
    }
  }
}
