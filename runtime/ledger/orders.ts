/** Entries that their author signs, and that any listed key may hand in: it does not matter who does. */
import { follows, object, oneOf, optional } from '../support/shape.ts';
import { VOTES } from './charter.ts';
import type { NewEntry } from './entry.ts';
import { at } from './entry-shapes.ts';
import { PAYMENTS } from './payment-entries.ts';
import { SETTLEMENT } from './settlement-entries.ts';
import type { LedgerState } from './state.ts';

/** By type, their fields. */
const { paid, channel, redeemed, closing } = PAYMENTS;
const { charter, proposed, voted } = VOTES;
const ORDERS = { paid, channel, redeemed, closing, charter, proposed, voted, ...SETTLEMENT };

type OrderType = keyof typeof ORDERS;
export type Order = Extract<NewEntry, { readonly type: OrderType }>;

/** @returns nothing where it is none; else what an entry has of it, and nothing beside that */
export function readOrder(value: unknown): Order | undefined {
  const type = (value as { readonly type?: unknown } | null)?.type;
  if (typeof type !== 'string' || !isOrderType(type)) return undefined;
  const fields = ORDERS[type];
  if (!follows(shapeOf(type), value)) return undefined;
  const names = ['type', ...Object.keys(fields)].filter((name) => name !== 'at');
  return Object.fromEntries(names.map((name) => [name, (value as Record<string, unknown>)[name]])) as Order;
}

/** Said again, it is the same order: an answer may be lost. */
export function isTaken({ accounts, channels, governance, ids, settlers }: LedgerState, order: Order): boolean {
  switch (order.type) {
    case 'settler':
      return settlers.has(order.address);
    case 'paid':
    case 'channel':
    case 'bound':
    case 'withdrawn':
      return accounts.get(order.by)?.order === order.sig;
    case 'redeemed':
      return channels.get(order.channel)?.redeemed === BigInt(order.tokens);
    case 'closing':
      return channels.get(order.channel)?.closing === order.sig;
    case 'charter':
      return governance?.charter.sig === order.sig;
    case 'proposed':
      return ids.has(order.id);
    case 'voted':
      return governance?.proposals.get(order.proposal)?.votes.get(order.by) === order.vote;
  }
}

function isOrderType(type: string): type is OrderType {
  return Object.hasOwn(ORDERS, type);
}

const shapes = new Map<OrderType, ReturnType<typeof object>>();

function shapeOf(type: OrderType): ReturnType<typeof object> {
  const known = shapes.get(type);
  if (known) return known;
  // It gets its time where it is entered.
  const made = object({ ...ORDERS[type], type: oneOf(type), at: optional(at) });
  shapes.set(type, made);
  return made;
}
