/**
 * Places of connections that have proved a key, by role: those of operators are reserved. A key that has all of its
 * places loses its oldest connection for the new one.
 */
import type { Role } from '../wire/handshake.ts';

export interface PlaceLimits {
  readonly all: number;
  /** Of all, for operators alone. */
  readonly operators: number;
  readonly viewers: number;
  readonly perKey: Readonly<Record<Role, number>>;
}

export const PLACES: PlaceLimits = {
  all: 1024,
  operators: 64,
  viewers: 256,
  // A trainer's new connection ends its old one; beside it its pulse looks as a viewer.
  perKey: { operator: 32, trainer: 2, viewer: 8 },
};

interface Holder {
  readonly key: string;
  readonly role: Role;
}

export class Places<H extends Holder> {
  readonly #limits: PlaceLimits;
  /** The oldest first. */
  readonly #holders = new Set<H>();

  constructor(limits: PlaceLimits = PLACES) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#holders.size;
  }

  /** @returns false: there is no place; else the connection that has to go for it, if any */
  enter(holder: H): { readonly instead?: H } | false {
    const own = this.#of((h) => h.key === holder.key && h.role === holder.role);
    const [oldest] = own;
    if (oldest && own.length >= this.#limits.perKey[holder.role]) {
      this.#holders.delete(oldest);
      this.#holders.add(holder);
      return { instead: oldest };
    }
    if (!this.#hasRoom(holder)) return false;
    this.#holders.add(holder);
    return {};
  }

  leave(holder: H): void {
    this.#holders.delete(holder);
  }

  #hasRoom({ key, role }: H): boolean {
    const { all, operators, viewers } = this.#limits;
    if (role === 'operator') return this.#holders.size < all;
    if (this.#of((h) => h.role !== 'operator').length >= all - operators) return false;
    const trains = (of: string): boolean => this.#of((h) => h.role === 'trainer' && h.key === of).length > 0;
    // A trainer's pulse needs its place beside the trainer, however many others look.
    return role === 'trainer' || trains(key) || this.#of((h) => h.role === 'viewer').length < viewers;
  }

  #of(which: (holder: H) => boolean): H[] {
    return [...this.#holders].filter(which);
  }
}
