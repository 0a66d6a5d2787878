/**
 * What a server is paid for predictions: it takes a voucher before it predicts, where that covers what its channel owes with
 * them. A voucher says how many tokens the channel has given in all, so one that is sent again covers nothing.
 */
import type { KeyPair } from '../identity/ed25519.ts';
import { keyText } from '../identity/key-text.ts';
import { parsedJson } from '../support/parsed-json.ts';
import { count, follows, object, type TypeOf } from '../support/shape.ts';
import type { Channel } from './channel.ts';
import type { NewEntry } from './entry.ts';
import { VOUCHER } from './payment-entries.ts';
import { signClosing, type Voucher, voucherHolds } from './signed-payments.ts';

const SHAPE = object(VOUCHER);
/** What a server keeps of a channel: the voucher with the most tokens, and what its answers have cost. */
export const KEPT_VOUCHER = object({ ...VOUCHER, spent: count });
export type KeptVoucher = TypeOf<typeof KEPT_VOUCHER>;

/** Why predictions are not made, for programs: what the server wants, and of which channel. */
export interface Terms {
  /** Keys of the mesh whose ledger counts, and of the server. */
  readonly mesh: string;
  readonly server: string;
  /** Tokens for the prediction of one sample. */
  readonly price: number;
  readonly channel?: string;
  /** Tokens that a voucher of that channel has to have. */
  readonly owed?: number;
}

export class NotPaid extends Error {
  override readonly name = 'NotPaid';
  readonly terms: Terms;

  constructor(message: string, terms: Terms) {
    super(message);
    this.terms = terms;
  }
}

/** The price of predictions that are under way: one of both is called, once. */
export interface Taken {
  /** They are made: the voucher is kept, before the answer goes out. */
  done(): void;
  /** They are not. */
  back(): void;
}

export interface TillOptions {
  /** Key of the mesh. */
  readonly mesh: string;
  readonly keys: KeyPair;
  readonly price: number;
  /** What the mesh's votes let a server ask at most, as the ledger has it now; nothing: any price. */
  readonly mostPrice?: () => number | undefined;
  /** Tokens of a channel that are redeemed together. */
  readonly redeemAt: number;
  /** As the ledger has it now. */
  readonly channel: (id: string) => Channel | undefined;
  /** From an earlier process of the same key. */
  readonly kept: readonly KeptVoucher[];
  /** Called before an answer goes out. */
  readonly keep: (kept: KeptVoucher) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Before a voucher, or its channel, ends: time in which it is still redeemed, and none is taken any more. */
export const MARGIN_MS = 60_000;

export class Till {
  readonly #options: TillOptions;
  readonly #server: string;
  readonly #kept: Map<string, KeptVoucher>;
  /** By channel: the price of predictions that are under way. */
  readonly #aside = new Map<string, number>();

  constructor(options: TillOptions) {
    this.#options = options;
    this.#server = keyText(options.keys.publicKey);
    this.#kept = new Map(options.kept.map((kept) => [kept.channel, kept]));
  }

  get #price(): number {
    const { price, mostPrice } = this.#options;
    return Math.min(price, mostPrice?.() ?? price);
  }

  get terms(): Terms {
    return { mesh: this.#options.mesh, server: this.#server, price: this.#price };
  }

  /**
   * A voucher that may be taken, where it covers enough.
   * @param text of the voucher, as JSON. @throws NotPaid
   */
  read(text: string | undefined): Voucher {
    if (text === undefined) throw new NotPaid('a prediction has its price, and no voucher came with it', this.terms);
    const voucher = parsedJson(text);
    if (!follows(SHAPE, voucher)) throw new NotPaid('this is not a voucher', this.terms);
    const { mesh, channel: find, now } = this.#options;
    const { channel: id, server, tokens, expires } = voucher;
    const refuse = (why: string): NotPaid => new NotPaid(why, { ...this.terms, channel: id });
    if (server !== this.#server) throw refuse('the voucher is for another server');
    const channel = find(id);
    if (!channel) throw refuse(`the ledger has no open channel ${id}`);
    if (channel.entry.server !== this.#server) throw refuse('the channel is for another server');
    if (!voucherHolds(voucher, mesh, channel.entry.by))
      throw refuse('the payer of the channel has not signed the voucher');
    if (tokens > channel.entry.tokens)
      throw refuse(`the channel has ${channel.entry.tokens} tokens, and the voucher is over ${tokens}`);
    if (channel.closing !== '') throw refuse('the channel is being closed');
    if (now() + MARGIN_MS > Math.min(expires, channel.ends)) throw refuse('the voucher or its channel ends too soon');
    return { channel: id, server, tokens, expires, sig: voucher.sig };
  }

  /**
   * Sets the price of so many predictions aside, before they are made.
   * @throws NotPaid where the voucher does not cover it
   */
  take(voucher: Voucher, predictions: number): Taken {
    const { keep } = this.#options;
    const price = this.#price;
    const { channel } = voucher;
    const cost = price * predictions;
    const owed = this.#spent(channel) + (this.#aside.get(channel) ?? 0) + cost;
    if (!Number.isSafeInteger(owed) || voucher.tokens < owed)
      throw new NotPaid(`${predictions} at ${price} tokens each: with them the channel owes ${owed}`, {
        ...{ ...this.terms, channel, owed },
      });
    this.#setAside(channel, cost);
    return {
      done: () => {
        this.#setAside(channel, -cost);
        const kept = { ...this.#best(voucher), spent: this.#spent(channel) + cost };
        keep(kept);
        this.#kept.set(channel, kept);
      },
      back: () => this.#setAside(channel, -cost),
    };
  }

  /**
   * What is to be redeemed now: a sum that is worth it, or what would be lost.
   * @param all the server ends
   */
  due(all = false): NewEntry[] {
    const { channel: find, redeemAt, now } = this.#options;
    return [...this.#kept.values()].flatMap(({ spent: _spent, ...voucher }) => {
      const channel = find(voucher.channel);
      if (!channel || BigInt(voucher.tokens) <= channel.redeemed) return [];
      const left = Math.min(voucher.expires, channel.ends) - now();
      // What comes too late is lost.
      if (left <= 0) return [];
      const isLate = channel.closing !== '' || left < 2 * MARGIN_MS;
      const sum = BigInt(voucher.tokens) - channel.redeemed;
      return all || isLate || sum >= BigInt(redeemAt) ? [{ type: 'redeemed', ...voucher }] : [];
    });
  }

  /** A channel whose payer closes it, and of which all is redeemed, need not wait. */
  closings(): NewEntry[] {
    const { channel: find, mesh, keys } = this.#options;
    return [...this.#kept.values()].flatMap(({ channel: id, tokens }) => {
      const channel = find(id);
      if (!channel || channel.closing === '' || channel.redeemed < BigInt(tokens)) return [];
      return [signClosing(id, mesh, keys)];
    });
  }

  #setAside(channel: string, tokens: number): void {
    const aside = (this.#aside.get(channel) ?? 0) + tokens;
    if (aside > 0) this.#aside.set(channel, aside);
    else this.#aside.delete(channel);
  }

  /** Tokens that all answers of a channel have cost; where that was lost here, what was redeemed. */
  #spent(channel: string): number {
    return this.#kept.get(channel)?.spent ?? Number(this.#options.channel(channel)?.redeemed ?? 0n);
  }

  #best(voucher: Voucher): Voucher {
    const kept = this.#kept.get(voucher.channel);
    return kept && kept.tokens >= voucher.tokens ? kept : voucher;
  }
}
