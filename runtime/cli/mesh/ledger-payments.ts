/** `nmc ledger pay`, `open`, `close`, `redeem`, `channels`: tokens from one key to another, at once or by vouchers. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { KeyPair } from '../../identity/ed25519.ts';
import { ensureKey, readKey, userKeyPath } from '../../identity/key-file.ts';
import { keyBytes, keyText } from '../../identity/key-text.ts';
import { CHALLENGE_MS, type Channel, lockedIn } from '../../ledger/channel.ts';
import type { Order } from '../../ledger/orders.ts';
import { nextOrder } from '../../ledger/payments.ts';
import { signClosing, signOpening, signPayment } from '../../ledger/signed-payments.ts';
import type { LedgerState } from '../../ledger/state.ts';
import type { KeptVoucher } from '../../ledger/till.ts';
import { ask } from '../../net/ask.ts';
import { askLedger } from '../../net/ask-ledger.ts';
import type { Link } from '../../net/link.ts';
import { wallNow } from '../../support/clock.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { EnvironmentError, UserError } from '../../support/errors.ts';
import { printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { newest } from './kept-vouchers.ts';
import { durationOf } from './keys-members.ts';
import { readSound, soundLedger } from './ledger-source.ts';
import { openMeshToLook } from './look-link.ts';
import { wentAway } from './mesh-link.ts';
import type { LedgerArguments } from './options.ts';
import { forgetChannel, keepChannel } from './wallet.ts';

/** How long a channel is open unless it is said. */
const OPEN_FOR = '24h';

/** Tokens of this user to another key. */
export async function pay(args: LedgerArguments): Promise<number> {
  const { to, tokens } = sumIn(args, nmc`ledger pay KEY 10`);
  const { keys } = payer(args);
  await withLedger(args, async (link, state) => {
    const number = nextNumber(state, keys);
    await enter(link, signPayment({ to, tokens, number }, link.peer, keys));
  });
  if (args.json) emit({ event: 'paid', to, tokens });
  else process.stdout.write(printed`${to} got ${tokens} tokens    next: ${nmc`ledger balance`}\n`);
  return EXIT.done;
}

/** Locks tokens of this user for a server, which is paid by vouchers over them. */
export async function open(args: LedgerArguments): Promise<number> {
  const { to: server, tokens } = sumIn(args, nmc`ledger open KEY 100`);
  const { keys, file } = payer(args);
  const expires = Math.round(wallNow()) + durationOf('expires', args.expires ?? OPEN_FOR);
  const { channel } = await withLedger(args, async (link, state) => {
    const opening = signOpening({ server, tokens, expires, number: nextNumber(state, keys) }, link.peer, keys);
    // First: where the answer is lost, it may be open all the same.
    keepChannel(opening, link.peer, file);
    try {
      await enter(link, opening);
    } catch (error) {
      if (error instanceof UserError) forgetChannel(opening.channel);
      throw error;
    }
    return opening;
  });
  const until = new Date(expires).toISOString();
  if (args.json) emit({ event: 'channel', channel, server, tokens, expires: until });
  else
    process.stdout.write(
      printed`${channel}  ${tokens} tokens for ${server} until ${until}    next: ${nmc`predict URL --input FILE --pay ${channel}`}\n`,
    );
  return EXIT.done;
}

/** What was not redeemed comes back: after a while, or at once where the server closes it. */
export async function close(args: LedgerArguments): Promise<number> {
  const [channel] = args.words;
  if (channel === undefined) throw new UserError('usage', 'name a channel', `to see all: ${nmc`ledger channels`}`);
  const { keys } = payer(args);
  const found = await withLedger(args, async (link, state) => {
    const known = state.channels.get(channel);
    if (!known) throw unknownChannel(channel);
    await enter(link, signClosing(channel, link.peer, keys));
    return known;
  });
  const isServer = found.entry.server === keyText(keys.publicKey);
  const until = new Date(Math.min(found.ends, wallNow() + (isServer ? 0 : CHALLENGE_MS))).toISOString();
  if (args.json) emit({ event: 'closing', channel, ends: until });
  else process.stdout.write(printed`${channel} ends at ${until}    next: ${nmc`ledger channels`}\n`);
  return EXIT.done;
}

/** Of a server: hands in the newest voucher of each channel in a file. */
export async function redeem(args: LedgerArguments): Promise<number> {
  const [file] = args.words;
  if (file === undefined)
    throw new UserError('usage', 'name the file of vouchers', `for example ${nmc`ledger redeem FILE`}`);
  const vouchers = vouchersIn(file);
  const paid = await withLedger(args, async (link, { channels: open }) => {
    const done: { readonly channel: string; readonly server: string; readonly tokens: string }[] = [];
    for (const { spent: _spent, ...voucher } of vouchers) {
      const tokens = BigInt(voucher.tokens) - (open.get(voucher.channel)?.redeemed ?? BigInt(voucher.tokens));
      if (tokens <= 0n) continue;
      await enter(link, { type: 'redeemed', ...voucher });
      done.push({ channel: voucher.channel, server: voucher.server, tokens: String(tokens) });
    }
    return done;
  });
  for (const { channel, server, tokens } of paid)
    if (args.json) emit({ event: 'redeemed', channel, tokens });
    else process.stdout.write(printed`${server} got ${tokens} tokens of ${channel}\n`);
  if (!args.json && paid.length === 0)
    process.stdout.write('nothing is left to redeem: all channels are over, or were redeemed before\n');
  return EXIT.done;
}

/** Those that are open; of one key, where it is named. */
export async function channels(args: LedgerArguments): Promise<number> {
  const { state } = await soundLedger(args);
  const [key] = args.words;
  const found = [...state.channels.values()].filter(
    ({ entry: { by, server } }) => !key || key === by || key === server,
  );
  for (const channel of found) writeChannel(args, channel);
  if (!args.json && found.length === 0) process.stdout.write('no channel is open\n');
  return EXIT.done;
}

function writeChannel(args: LedgerArguments, of: Channel): void {
  const { channel, by, server, tokens } = of.entry;
  const redeemed = String(of.redeemed);
  const ends = new Date(of.ends).toISOString();
  if (args.json)
    emit({ channel, by, server, tokens, redeemed, locked: String(lockedIn(of)), ends, closing: of.closing !== '' });
  else
    process.stdout.write(
      printed`${channel}  ${redeemed} of ${tokens} tokens redeemed, until ${ends}\n  from ${by} to ${server}\n`,
    );
}

/** Whose tokens are given, and the file of that key. */
export function payer({ key }: LedgerArguments): { readonly keys: KeyPair; readonly file: string } {
  if (key === undefined) return { keys: ensureKey(userKeyPath()), file: userKeyPath() };
  return { keys: readKey(key), file: resolve(key) };
}

function sumIn(args: LedgerArguments, example: string): { readonly to: string; readonly tokens: number } {
  const [to, amount] = args.words;
  if (to === undefined || amount === undefined || args.words.length > 2)
    throw new UserError('usage', 'a key and how many tokens are to be named', `for example ${example}`);
  if (keyBytes(to) === undefined)
    throw new UserError('usage', `${to} is not a key`, `a key is printed by ${nmc`keys show`}`);
  const tokens = /^[1-9]\d{0,15}$/.test(amount) ? Number(amount) : Number.NaN;
  if (!Number.isSafeInteger(tokens))
    throw new UserError('usage', `${amount} is not a number of tokens`, 'tokens are whole, and 1 at least');
  return { to, tokens };
}

/** @param use with all of the ledger, gone through */
export async function withLedger<T>(
  args: LedgerArguments,
  use: (link: Link, state: LedgerState) => Promise<T>,
): Promise<T> {
  const { link } = await openMeshToLook(args);
  try {
    return await use(link, (await readSound(askLedger(link), [])).state);
  } finally {
    link.close();
  }
}

export function nextNumber({ accounts }: LedgerState, keys: KeyPair): number {
  return nextOrder(accounts, keyText(keys.publicKey));
}

export async function enter(link: Link, order: Order): Promise<void> {
  try {
    await ask(link, { what: 'order', order });
  } catch (error) {
    if (!wentAway(error)) throw error;
    throw new EnvironmentError(
      'mesh/lost',
      'the connection ended before the mesh had answered: it may be entered or not',
      `look before you give it again: ${nmc`ledger receipts`}`,
    );
  }
}

/** @throws UserError `file/missing`, `ledger/voucher` */
function vouchersIn(file: string): readonly KeptVoucher[] {
  if (!existsSync(file)) throw new UserError('file/missing', `there is no file ${file}`, 'check the path');
  const vouchers = newest(readFileSync(file, 'utf8'));
  if (vouchers.length > 0) return vouchers;
  throw new UserError('ledger/voucher', `${file} holds no voucher`, `as ${nmc`serve --price 1 --run DIR`} keeps them`);
}

function unknownChannel(channel: string): UserError {
  return new UserError(
    'ledger/channel',
    `the ledger has no open channel ${channel}`,
    `to see all that are open: ${nmc`ledger channels`}`,
  );
}
