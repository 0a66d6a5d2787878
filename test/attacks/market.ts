/** Clients and servers that cheat each other over one ledger: what each has in the end, beside what it has given for it. */
import type { KeyPair } from '../../runtime/identity/ed25519.ts';
import type { NewEntry } from '../../runtime/ledger/entry.ts';
import { Purse } from '../../runtime/ledger/purse.ts';
import type { Opening } from '../../runtime/ledger/signed-payments.ts';
import { type KeptVoucher, NotPaid, Till } from '../../runtime/ledger/till.ts';
import { keyOf, keysOf, MESH, type WrittenLedger } from '../support/ledger.ts';
import { has, ledgerWith, opening, type Redemption, settleChannels, voucher } from '../support/payments.ts';

export const HOUR = 3_600_000;
/** What the client has at the beginning. */
export const HELD = 100;

export class Market {
  readonly client = keysOf(301);
  readonly server = keysOf(302);
  readonly other = keysOf(303);
  readonly ledger: WrittenLedger = ledgerWith(HELD, [this.client]);
  /** Of each server, tokens that its predictions were worth. */
  readonly #made = new Map<KeyPair, number>();
  readonly #tills = new Map<KeyPair, Till>();
  readonly #price: number;
  /** Entries and requests that were refused. */
  refused = 0;

  constructor(price: number) {
    this.#price = price;
  }

  /** @returns whether it was entered */
  enter(entry: NewEntry): boolean {
    if (this.ledger.problemOf(entry) !== undefined) {
      this.refused++;
      return false;
    }
    this.ledger.add(entry);
    return true;
  }

  /** A channel of the client. */
  channel(server: KeyPair, tokens: number, hours = 10): Opening {
    const opened = opening(this.ledger, this.client, server, { tokens, expires: this.ledger.now + hours * HOUR });
    this.enter(opened);
    return opened;
  }

  voucher(channel: Opening, tokens: number, keys = this.client): Redemption {
    return voucher(channel, tokens, keys);
  }

  till(server: KeyPair): Till {
    const known = this.#tills.get(server);
    if (known) return known;
    const kept: KeptVoucher[] = [];
    const made = new Till({
      ...{ mesh: keyOf(MESH), keys: server, price: this.#price, redeemAt: 20, now: () => this.ledger.now, kept },
      ...{ channel: (id: string) => this.ledger.state.channels.get(id), keep: () => undefined },
    });
    this.#tills.set(server, made);
    return made;
  }

  purse({ channel, server, tokens, expires }: Opening): Purse {
    const state = { channel, mesh: keyOf(MESH), server, tokens, expires, spent: 0, signed: 0 };
    return new Purse(state, this.client, () => undefined);
  }

  /** @returns whether the server has predicted */
  buy(server: KeyPair, { type: _type, ...paid }: Redemption, samples: number): boolean {
    try {
      const till = this.till(server);
      till.take(till.read(JSON.stringify(paid)), samples).done();
    } catch (error) {
      if (!(error instanceof NotPaid)) throw error;
      this.refused++;
      return false;
    }
    this.#made.set(server, (this.#made.get(server) ?? 0) + samples * this.#price);
    return true;
  }

  /** What the server redeems by itself at this time. */
  redeem(server: KeyPair, all = false): void {
    for (const due of this.till(server).due(all)) this.enter(due);
  }

  /** All channels run out, and servers that are there redeem in time. @returns what the client has more than it should */
  clientGain(servers: readonly KeyPair[] = [this.server, this.other]): number {
    for (const server of servers) this.redeem(server, true);
    this.ledger.now += 1000 * HOUR;
    settleChannels(this.ledger);
    const worth = [...this.#made.values()].reduce((sum, tokens) => sum + tokens, 0);
    return has(this.ledger, this.client) + worth - HELD;
  }

  /** @returns what the servers have more than they should */
  serverGain(): number {
    return -this.clientGain();
  }
}
