/** `nmc serve --price N`: takes vouchers over channels of a mesh's ledger, and redeems them there. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureKey, userKeyPath } from '../../identity/key-file.ts';
import type { NewEntry } from '../../ledger/entry.ts';
import type { Voucher } from '../../ledger/signed-payments.ts';
import { type Taken, type Terms, Till } from '../../ledger/till.ts';
import { ask } from '../../net/ask.ts';
import { LedgerFollower } from '../../net/ledger-follower.ts';
import type { Link } from '../../net/link.ts';
import { wallNow } from '../../support/clock.ts';
import { printed } from '../../support/printable.ts';
import { openVouchers } from './kept-vouchers.ts';
import { wentAway } from './mesh-link.ts';
import { within } from './within.ts';

/** Between two looks at the ledger. */
const LOOK_MS = 1000;
/** The same, where a channel is asked for that was not there. */
const SOON_MS = 250;
/** At the end, until what is due is entered. */
const CLOSE_WITHIN_MS = 5000;

export interface OpenTill {
  readonly terms: Terms;
  read(text: string | undefined): Promise<Voucher>;
  take(voucher: Voucher, predictions: number): Taken;
  /** Reads the ledger on, and redeems what is due: also done again and again by itself. */
  look(): Promise<void>;
  /** Redeems what is left. */
  close(): Promise<void>;
}

/**
 * @param connect to the mesh whose ledger counts; again where the connection was lost
 * @param price tokens for the prediction of one sample
 * @param redeemAt tokens of a channel that are redeemed together
 * @throws UserError `serve/till`; as a connection to the mesh does
 */
export async function openTill(connect: () => Promise<Link>, price: number, redeemAt: number): Promise<OpenTill> {
  const ledger = new FollowedLedger(connect);
  const told = telling();
  const mesh = await ledger.look();
  const vouchers = openVouchers(mesh, (id) => ledger.channel(id) !== undefined);
  const till = new Till({
    ...{ mesh, price, redeemAt, keys: ensureKey(userKeyPath()), now: wallNow },
    ...{ kept: vouchers.kept, keep: vouchers.keep, channel: (id) => ledger.channel(id) },
    mostPrice: () => ledger.mostPrice,
  });
  const redeem = async (all: boolean): Promise<void> => {
    await ledger.look();
    // One that is refused keeps no other one back.
    for (const order of till.due(all)) await told(ledger.enter(order));
    for (const order of till.closings()) await told(ledger.enter(order));
  };
  const look = (): Promise<void> => told(redeem(false));
  const timer = setInterval(look, LOOK_MS);
  return {
    get terms() {
      return till.terms;
    },
    look,
    read: async (text) => {
      try {
        return till.read(text);
      } catch (error) {
        // It may have been opened a moment ago.
        if (text === undefined || !(await ledger.hasMore())) throw error;
        return till.read(text);
      }
    },
    take: (voucher, predictions) => till.take(voucher, predictions),
    close: async () => {
      clearInterval(timer);
      await within(CLOSE_WITHIN_MS, told(redeem(true)));
      ledger.close();
      vouchers.close();
    },
  };
}

/** What fails is tried again with the next look, and said once; vouchers stay good until then. */
function telling(): (work: Promise<void>) => Promise<void> {
  let said = '';
  return async (work) => {
    try {
      await work;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== said) process.stderr.write(printed`vouchers wait to be redeemed: ${message}\n`);
      said = message;
    }
  };
}

/** The ledger of a mesh over a connection that is opened again when it was lost. */
class FollowedLedger {
  readonly #connect: () => Promise<Link>;
  readonly #follower = new LedgerFollower();
  #link: Link | undefined;
  #looked = 0;
  #soon: Promise<void> | undefined;
  #failed = false;

  constructor(connect: () => Promise<Link>) {
    this.#connect = connect;
  }

  channel(id: string): ReturnType<LedgerFollower['state']['channels']['get']> {
    // Of a ledger with two heads nothing is paid any more.
    return this.#failed || this.#follower.state.fork ? undefined : this.#follower.state.channels.get(id);
  }

  /** By the votes of the mesh. */
  get mostPrice(): number | undefined {
    return this.#follower.state.governance?.settings.price;
  }

  /** @returns key of the mesh */
  async look(): Promise<string> {
    return this.#asking(async (link) => {
      this.#looked = wallNow();
      await this.#follower.read(link);
      return link.peer;
    });
  }

  /** For all that ask at once it looks once, and not before a moment has passed: strangers may ask for anything. */
  async hasMore(): Promise<boolean> {
    const { sequence } = this.#follower.state;
    this.#soon ??= this.#lookSoon();
    await this.#soon;
    return this.#follower.state.sequence > sequence;
  }

  async #lookSoon(): Promise<void> {
    try {
      await sleep(Math.max(0, this.#looked + SOON_MS - wallNow()));
      await this.look();
    } finally {
      this.#soon = undefined;
    }
  }

  async enter(order: NewEntry): Promise<void> {
    await this.#asking((link) => ask(link, { what: 'order', order }));
    await this.look();
  }

  close(): void {
    this.#link?.close();
  }

  async #asking<T>(work: (link: Link) => Promise<T>): Promise<T> {
    try {
      this.#link ??= await this.#connect();
      const done = await work(this.#link);
      this.#failed = false;
      return done;
    } catch (error) {
      if (wentAway(error)) this.#link = undefined;
      // Of a ledger that does not hold no channel is believed.
      else if ((error as { readonly code?: unknown }).code === 'ledger/damaged') this.#failed = true;
      throw error;
    }
  }
}
