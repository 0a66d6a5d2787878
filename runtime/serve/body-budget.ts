/** Bytes of all bodies that are in memory at once, being read, waiting or being answered. */

export interface BudgetLimits {
  readonly bytes: number;
  /** The most of them that one client may hold, so that others find room. */
  readonly bytesPerClient: number;
}

export class BodyBudget {
  readonly #limits: BudgetLimits;
  readonly #held = new Map<string, number>();
  #total = 0;

  constructor(limits: BudgetLimits) {
    this.#limits = limits;
  }

  get total(): number {
    return this.#total;
  }

  open(client: string): Hold {
    return new Hold(this, client);
  }

  fits(client: string, bytes: number): boolean {
    const { bytes: most, bytesPerClient } = this.#limits;
    return this.#total + bytes <= most && (this.#held.get(client) ?? 0) + bytes <= bytesPerClient;
  }

  add(client: string, bytes: number): void {
    const held = (this.#held.get(client) ?? 0) + bytes;
    this.#total += bytes;
    if (held > 0) this.#held.set(client, held);
    else this.#held.delete(client);
  }
}

/** Bytes that one request holds. */
export class Hold {
  readonly #budget: BodyBudget;
  readonly #client: string;
  #bytes = 0;
  #released = false;

  constructor(budget: BodyBudget, client: string) {
    this.#budget = budget;
    this.#client = client;
  }

  /** Whether so much more would fit now. It takes nothing: announcing a body keeps no other out. */
  fits(bytes: number): boolean {
    return !this.#released && this.#budget.fits(this.#client, bytes);
  }

  /** @returns whether there is room */
  take(bytes: number): boolean {
    if (!this.fits(bytes)) return false;
    this.#add(bytes);
    return true;
  }

  /** For what is there already, an answer: others wait until it is gone. */
  force(bytes: number): void {
    if (!this.#released) this.#add(bytes);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#budget.add(this.#client, -this.#bytes);
  }

  #add(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.add(this.#client, bytes);
  }
}
