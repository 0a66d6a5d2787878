/**
 * Attacks on payments for predictions: each is played over many seeds with the ledger and the till that a mesh uses. A row
 * says what the attacker gains, at most; where that is more than nothing, the row says what bounds it.
 */
import { CHALLENGE_MS } from '../../runtime/ledger/channel.ts';
import { signPayment } from '../../runtime/ledger/signed-payments.ts';
import { stream } from '../../spec/random.ts';
import { keyOf, MESH } from '../support/ledger.ts';
import { closing, payment } from '../support/payments.ts';
import { HELD, HOUR, Market } from './market.ts';

type Draw = (least: number, most: number) => number;

export interface PaymentAttack {
  readonly name: string;
  readonly what: string;
  /** @returns tokens that the attacker gains */
  readonly play: (market: Market, price: number, draw: Draw) => number;
  /** What it may gain at most, in prices of a prediction, and why; absent: nothing. */
  readonly bound?: { readonly prices: number; readonly why: string };
}

export const paymentAttacks: readonly PaymentAttack[] = [
  {
    ...{ name: 'voucher-overspend', what: 'signs vouchers over more than its channel has, at two servers' },
    play: (market, price, draw) => {
      const { server, other } = market;
      const tokens = draw(HELD / 2 + 1, HELD);
      const channels = [market.channel(server, tokens), market.channel(other, tokens)];
      for (const [i, to] of [server, other].entries())
        for (let paid = 5 * price; paid <= 2 * HELD; paid += 5 * price) {
          const channel = channels[i];
          if (channel) market.buy(to, market.voucher(channel, paid), 5);
        }
      return market.clientGain();
    },
  },
  {
    ...{ name: 'voucher-replay', what: 'sends one voucher again, to the same server and to another one' },
    play: (market, price, draw) => {
      const channel = market.channel(market.server, HELD);
      const samples = draw(1, Math.floor(HELD / price));
      const paid = market.voucher(channel, samples * price);
      for (let i = 0; i < 3; i++) {
        market.buy(market.server, paid, samples);
        market.buy(market.other, paid, samples);
        if (draw(0, 1) === 1) market.redeem(market.server, true);
      }
      return market.clientGain();
    },
  },
  {
    ...{ name: 'voucher-forged', what: 'vouchers that the payer has not signed, or with a larger sum' },
    play: (market, price, draw) => {
      const channel = market.channel(market.server, HELD);
      const paid = market.voucher(channel, price);
      market.buy(market.server, { ...paid, tokens: draw(price + 1, HELD) }, draw(1, 2));
      market.buy(market.server, market.voucher(channel, HELD, market.other), 1);
      return market.clientGain();
    },
  },
  {
    ...{ name: 'voucher-shrink', what: 'hands in an older voucher behind a newer one' },
    play: (market, price, draw) => {
      const channel = market.channel(market.server, HELD);
      const samples = draw(2, Math.floor(HELD / price));
      for (let i = 1; i <= samples; i++) market.buy(market.server, market.voucher(channel, i * price), 1);
      market.redeem(market.server, true);
      market.enter(market.voucher(channel, draw(1, samples * price - 1)));
      return market.clientGain();
    },
  },
  {
    ...{ name: 'double-spend', what: 'signs two transfers, or a transfer and a channel, under one number' },
    play: (market, _price, draw) => {
      const { client, server, other, ledger } = market;
      const tokens = draw(HELD / 2 + 1, HELD);
      const orders = [payment(ledger, client, other, tokens), payment(ledger, client, server, tokens)];
      const done = orders.filter((order) => market.enter(order)).length;
      market.enter(signPayment({ to: keyOf(server), tokens, number: 2 }, keyOf(MESH), client));
      return done === 1 ? 0 : tokens;
    },
  },
  {
    ...{ name: 'close-and-run', what: 'closes its channel with vouchers that are not redeemed' },
    play: (market, price, draw) => {
      const channel = market.channel(market.server, HELD);
      const samples = draw(1, Math.floor(HELD / price) - 1);
      market.buy(market.server, market.voucher(channel, samples * price), samples);
      market.enter(closing(channel, market.client));
      market.buy(market.server, market.voucher(channel, (samples + 1) * price), 1);
      market.redeem(market.server);
      return market.clientGain();
    },
  },
  {
    ...{ name: 'server-away', what: 'closes its channel while the server is away for longer than the challenge' },
    play: (market, price, draw) => {
      const channel = market.channel(market.server, HELD);
      const samples = draw(1, Math.floor(HELD / price));
      for (let i = 1; i <= samples; i++) {
        market.buy(market.server, market.voucher(channel, i * price), 1);
        market.redeem(market.server);
      }
      market.enter(closing(channel, market.client));
      market.ledger.now += CHALLENGE_MS;
      return market.clientGain();
    },
    bound: { prices: 20, why: 'what is redeemed together' },
  },
  {
    ...{ name: 'late-voucher', what: 'pays by vouchers that expire before they are redeemed' },
    play: (market, price, draw) => {
      const channel = { ...market.channel(market.server, HELD), expires: market.ledger.now + draw(1, 59) * 1000 };
      market.buy(market.server, market.voucher(channel, price), 1);
      market.ledger.now += HOUR;
      return market.clientGain();
    },
  },
  {
    ...{ name: 'overcharge', what: 'a server redeems more than was signed, or says that it is owed more' },
    play: (market, price, draw) => {
      const channel = market.channel(market.server, HELD);
      const purse = market.purse(channel);
      const paid = purse.voucher(price);
      if (!paid) throw new Error('the channel has less than one price');
      market.buy(market.server, { type: 'redeemed', ...paid }, 1);
      purse.made(price);
      market.enter({ type: 'redeemed', ...paid, tokens: draw(price + 1, HELD) });
      if (purse.owes(draw(3 * price, HELD), price)) market.enter(market.voucher(channel, HELD));
      else market.refused++;
      return market.serverGain();
    },
  },
  {
    ...{ name: 'take-and-be-silent', what: 'a server takes a voucher and does not answer' },
    play: (market, price) => {
      const paid = market.purse(market.channel(market.server, HELD)).voucher(price);
      if (paid) market.enter({ type: 'redeemed', ...paid });
      return market.serverGain();
    },
    bound: { prices: 1, why: 'one request, behind which a client ends' },
  },
];

export interface PaymentRow {
  readonly attack: PaymentAttack;
  readonly seeds: number;
  /** Seeds in which something was refused. */
  readonly refused: number;
  /** The most of all seeds, in prices of a prediction. */
  readonly gain: number;
}

/** What one seed has found: in prices of a prediction, and whether anything was refused. */
export interface PaymentTrial {
  readonly gain: number;
  readonly refused: boolean;
}

export function paymentTrial(attack: PaymentAttack, seed: number): PaymentTrial {
  const rng = stream(seed, attack.name);
  let drawn = 0;
  const draw: Draw = (least, most) => least + Math.floor(rng.uniform(drawn++) * (most - least + 1));
  const price = draw(1, 4);
  const market = new Market(price);
  return { gain: attack.play(market, price, draw) / price, refused: market.refused > 0 };
}

export function paymentRow(attack: PaymentAttack, trials: readonly PaymentTrial[]): PaymentRow {
  const refused = trials.filter((trial) => trial.refused).length;
  return { attack, seeds: trials.length, refused, gain: Math.max(...trials.map(({ gain }) => gain)) };
}

export function paymentTrials(attack: PaymentAttack, seeds: number): PaymentTrial[] {
  return Array.from({ length: seeds }, (_, i) => paymentTrial(attack, i + 1));
}

/** It gains no more than its bound says. */
export function isBounded({ attack: { bound }, gain }: PaymentRow): boolean {
  return gain <= (bound?.prices ?? 0);
}

export const PAYMENT_HEAD = ['attack', 'seeds', 'refused', 'gain at most', 'bound'];

export function paymentCells({ attack: { name, bound }, seeds, refused, gain }: PaymentRow): string[] {
  const most = bound ? `${bound.prices}: ${bound.why}` : 'nothing';
  return [name, String(seeds), String(refused), `${gain.toFixed(1)} predictions`, most];
}
