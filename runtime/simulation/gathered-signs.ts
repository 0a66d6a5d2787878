/** Signs of life wait for others, as at a node: of a thousand trainers each would copy the table of all of them. */
import { isSignOfLife, type SignOfLife, type SynchronizerEvent } from '../roles/synchronizer-state.ts';

export class GatheredSigns {
  readonly #enter: (event: SynchronizerEvent) => void;
  #signs: SignOfLife[] = [];

  constructor(enter: (event: SynchronizerEvent) => void) {
    this.#enter = enter;
  }

  /** Every other event enters at once, behind the signs that came before it. @returns whether the first sign waits now */
  add(event: SynchronizerEvent): boolean {
    if (!isSignOfLife(event)) {
      this.flush();
      this.#enter(event);
      return false;
    }
    this.#signs.push(event);
    return this.#signs.length === 1;
  }

  flush(): void {
    const signs = this.#signs;
    this.#signs = [];
    if (signs.length > 0) this.#enter({ kind: 'signs', signs });
  }

  /** Who would have heard them is gone. */
  drop(): void {
    this.#signs = [];
  }
}
