/**
 * What a client gives for predictions: it signs vouchers over a channel, each over what the channel has spent and the next
 * request costs, and not a token more: who reads a voucher on its way cannot spend it.
 */
import type { KeyPair } from '../identity/ed25519.ts';
import { signVoucher, type Voucher } from './signed-payments.ts';

/** Of a channel, as its payer keeps it. Tokens are counted from its beginning on. */
export interface PurseState {
  readonly channel: string;
  /** Key of the mesh whose ledger counts. */
  readonly mesh: string;
  readonly server: string;
  /** The maximum of the channel, and milliseconds since 1970 until which it is open. */
  readonly tokens: number;
  readonly expires: number;
  /** What answers have cost, and the most that any voucher was over. */
  readonly spent: number;
  readonly signed: number;
}

export class Purse {
  readonly #keys: KeyPair;
  readonly #save: (state: PurseState) => void;
  readonly #most: number;
  #state: PurseState;

  /**
   * @param max tokens that may be spent from here on; the channel’s own maximum holds besides
   * @param save called before a voucher is given away
   */
  constructor(state: PurseState, keys: KeyPair, save: (state: PurseState) => void, max = Number.POSITIVE_INFINITY) {
    this.#state = state;
    this.#keys = keys;
    this.#save = save;
    this.#most = Math.min(state.tokens, state.spent + max);
  }

  get state(): PurseState {
    return this.#state;
  }

  /** Tokens that may still be spent. */
  get left(): number {
    return this.#most - this.#state.spent;
  }

  /** @returns nothing where that is more than is left */
  voucher(cost: number): Voucher | undefined {
    const { channel, mesh, server, expires, spent, signed } = this.#state;
    const tokens = spent + cost;
    if (tokens > this.#most) return undefined;
    this.#become({ signed: Math.max(signed, tokens) });
    return signVoucher({ channel, server, tokens, expires }, mesh, this.#keys);
  }

  /** The request was answered. */
  made(cost: number): void {
    this.#become({ spent: this.#state.spent + cost });
  }

  /**
   * The server says what the channel owes with the request: an answer may have been lost on its way.
   * @returns whether that is at most what was signed before
   */
  owes(owed: number, cost: number): boolean {
    const { spent, signed } = this.#state;
    const claimed = owed - cost;
    if (!Number.isSafeInteger(owed) || claimed <= spent || claimed > signed) return false;
    this.#become({ spent: claimed });
    return true;
  }

  #become(change: Partial<PurseState>): void {
    this.#state = { ...this.#state, ...change };
    this.#save(this.#state);
  }
}
