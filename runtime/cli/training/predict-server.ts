/** `nmc predict http://HOST:PORT`: asks a server for predictions, and pays it by vouchers where it wants that. */

import type { IncomingHttpHeaders } from 'node:http';
import { reasonOf } from '../../../spec/reason-of.ts';
import { readObjects } from '../../data/read-input.ts';
import { type Asked, askServer } from '../../http/ask-server.ts';
import { readKey } from '../../identity/key-file.ts';
import { Purse, type PurseState } from '../../ledger/purse.ts';
import { errorCode } from '../../support/atomic.ts';
import { nmc } from '../../support/command-text.ts';
import { EnvironmentError, UserError } from '../../support/errors.ts';
import { isObject } from '../../support/is-object.ts';
import { parsedJson } from '../../support/parsed-json.ts';
import { count, follows, object, optional, type TypeOf, text } from '../../support/shape.ts';
import { ANSWER_WORD, answerHolds } from '../../wire/signed-answer.ts';
import { keepAnswer } from '../mesh/signed-answers.ts';
import { holdChannel, keptChannel, writeChannel } from '../mesh/wallet.ts';
import { EXIT } from '../shell/command.ts';
import type { PredictArguments } from './options.ts';
import { printRow } from './print-row.ts';
import { type ServerAccess, serverAccess } from './server-access.ts';

/** Samples of one request. */
const GROUP = 64;
const TERMS = object({ mesh: text, server: text, price: count, owed: optional(count) });
const HEALTH = object({ payment: optional(TERMS) });
const REFUSED = object({
  error: object({ code: text, message: text, repair: optional(text), payment: optional(TERMS) }),
});
type Terms = TypeOf<typeof TERMS>;
type Sample = Readonly<Record<string, unknown>>;

export async function predictAtServer(args: PredictArguments, address: string): Promise<number> {
  const other = (['prompt', 'png', 'model', 'data', 'device'] as const).find((name) => args[name] !== undefined);
  if (other !== undefined)
    throw new UserError('usage/input', `--${other} does not go with a server`, 'leave it out, or name a run folder');
  if (args.input === undefined)
    throw new UserError('usage/input', '--input is missing', 'name a file of JSON lines, or - for standard input');
  const samples = (await readObjects(args.input)).slice(0, args.limit);
  const server = new Server(address, serverAccess(address, args), args.task);
  const terms = await server.terms();
  const paying = payingFor(args, terms);
  server.keep({ file: args.answers, server: paying?.server });
  try {
    await predictAll(server, samples, paying, args.json);
  } finally {
    paying?.release();
  }
  return EXIT.done;
}

/** As many in a request as there are tokens for. @throws UserError `serve/payment` for what is left */
async function predictAll(
  server: Server,
  samples: readonly Sample[],
  paying: Paying | undefined,
  asJson: boolean,
): Promise<void> {
  for (let at = 0; at < samples.length; ) {
    const size = Math.min(GROUP, samples.length - at, paying ? Math.floor(paying.purse.left / paying.price) : GROUP);
    if (paying && size < 1) throw runOut(paying, samples.length - at);
    const rows = await server.predict(samples.slice(at, at + size), paying);
    rows.forEach((row, i) => {
      printRow(String(at + i + 1), row, asJson, namesIn(row));
    });
    at += size;
  }
}

/** @throws UserError `serve/payment` where nothing pays, or it would pay another server */
function payingFor({ pay, max }: PredictArguments, terms: Terms | undefined): Paying | undefined {
  if (!terms) {
    if (pay === undefined && max === undefined) return undefined;
    throw new UserError('usage/input', 'this server is not paid', 'leave --pay and --max out');
  }
  const { price, server, mesh } = terms;
  if (price < 1) throw strange('its price is not a number of tokens');
  if (pay === undefined)
    throw new UserError(
      'serve/payment',
      `a prediction of this server costs ${price} tokens, and --pay is missing`,
      `open a channel for it: ${nmc`ledger open ${server} ${100 * price}`}`,
    );
  const kept = keptChannel(pay);
  if (kept.server !== server || kept.mesh !== mesh)
    throw new UserError(
      'serve/payment',
      `the channel ${pay} is for the server ${kept.server}, and this one is ${server}`,
      `open a channel for it: ${nmc`ledger open ${server} ${100 * price}`}`,
    );
  const keys = readKey(kept.key);
  const release = holdChannel(pay);
  // As it is now that no other command changes it.
  const held = keptChannel(pay);
  const save = (state: PurseState): void => writeChannel({ ...held, ...state });
  return { purse: new Purse(held, keys, save, max), price, server, release };
}

function runOut({ purse, price, server }: Paying, left: number): UserError {
  const { spent, tokens } = purse.state;
  const isBounded = tokens - spent >= price;
  return new UserError(
    'serve/payment',
    `${left === 1 ? '1 sample is' : `${left} samples are`} not predicted: one costs ${price} tokens, and ${
      isBounded ? 'that is more than --max leaves' : `${spent} of the ${tokens} tokens of the channel are spent`
    }`,
    isBounded ? 'give a larger --max' : `open another channel: ${nmc`ledger open ${server} ${100 * price}`}`,
  );
}

interface Keeping {
  /** Where answers go; absent: nowhere. */
  readonly file: string | undefined;
  /** Key that signs them; absent: whichever the server has. */
  readonly server: string | undefined;
}

interface Paying {
  readonly purse: Purse;
  readonly price: number;
  /** Its key. */
  readonly server: string;
  /** Gives the channel back to other commands. */
  readonly release: () => void;
}

/** A server of predictions over HTTP. */
class Server {
  readonly #address: string;
  readonly #access: ServerAccess;
  readonly #task: string | undefined;
  #keeping: Keeping = { file: undefined, server: undefined };

  /** @param address as its user says it */
  constructor(address: string, access: ServerAccess, task: string | undefined) {
    this.#address = address;
    this.#access = access;
    this.#task = task;
  }

  /** Its answers have to be signed from here on. */
  keep(keeping: Keeping): void {
    this.#keeping = keeping;
  }

  /** What it wants for a prediction; nothing: it is not paid. */
  async terms(): Promise<Terms | undefined> {
    const told = await this.#fetch('/healthz', {});
    const health = parsedJson(told.text);
    if (told.headers.location !== undefined) throw refusal(told);
    if (!follows(HEALTH, health)) throw strange('it does not say how it is');
    return health.payment;
  }

  /** @returns a row for each sample */
  async predict(samples: readonly Sample[], paying: Paying | undefined): Promise<readonly Sample[]> {
    const body = JSON.stringify(samples);
    const cost = paying ? paying.price * samples.length : 0;
    let answer = await this.#post(body, paying, cost);
    // An answer that was lost on its way has been paid, which the server tells.
    const owed = answer.refused?.payment?.owed;
    if (answer.status === 402 && owed !== undefined && paying?.purse.owes(owed, cost))
      answer = await this.#post(body, paying, cost);
    if (answer.status !== 200) throw refusal(answer);
    this.#keepWord(body, answer);
    paying?.purse.made(cost);
    const rows = parsedJson(answer.text);
    if (!Array.isArray(rows) || rows.length !== samples.length || !rows.every(isObject))
      throw strange('its answer is not a list of predictions, one for each sample');
    return rows;
  }

  /** @throws EnvironmentError where the answer is to be kept, and its word is not the server’s */
  #keepWord(request: string, { text: answer, headers }: Told): void {
    const { file, server } = this.#keeping;
    const told = headers['nmc-answer'];
    if (told === undefined && file === undefined && server === undefined) return;
    const word = parsedJson(String(told ?? ''));
    const exchange = { request: Buffer.from(request), answer: Buffer.from(answer) };
    const isSigned =
      follows(ANSWER_WORD, word) && (server === undefined || word.by === server) && answerHolds(word, exchange);
    if (!isSigned) throw strange('its answer is not signed by its key');
    if (file !== undefined) keepAnswer(file, { request, answer, word });
  }

  async #post(body: string, paying: Paying | undefined, cost: number): Promise<Told> {
    const voucher = paying?.purse.voucher(cost);
    if (paying && !voucher) throw runOut(paying, 1);
    const task = this.#task === undefined ? '' : `/${encodeURIComponent(this.#task)}`;
    return this.#fetch(`/predict${task}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(voucher ? { 'nmc-voucher': JSON.stringify(voucher) } : {}),
      },
      body,
    });
  }

  async #fetch(path: string, asked: Asked): Promise<Told> {
    const { address, ca, token } = this.#access;
    const headers = { ...asked.headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
    const url = new URL(address);
    url.pathname = url.pathname.replace(/\/+$/, '') + path;
    try {
      const { status, headers: told, text } = await askServer(url, { ...asked, headers, ca });
      const parsed = status === 200 ? undefined : parsedJson(text);
      return { ...{ status, text, headers: told }, ...(follows(REFUSED, parsed) ? { refused: parsed.error } : {}) };
    } catch (error) {
      throw new EnvironmentError(
        'predict/server',
        `${this.#address} does not answer: ${reasonOf(error) || errorCode(error)}`,
        isUntrusted(error)
          ? '--ca FILE, a copy of the certificate that the server was given, or of its authority'
          : 'check the address',
      );
    }
  }
}

/** Of a certificate that no known authority has signed. */
function isUntrusted(error: unknown): boolean {
  return /SELF_SIGNED|LEAF_SIGNATURE|ISSUER/.test(errorCode(error) ?? '');
}

interface Told {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
  readonly refused?: TypeOf<typeof REFUSED>['error'];
}

function refusal({ status, refused, headers }: Told): Error {
  if (!refused)
    return strange(
      headers.location === undefined ? `it answers with status ${status}` : `it sends on to ${headers.location}`,
    );
  const { message, repair, code } = refused;
  if (status === 401)
    return new UserError(
      'predict/token',
      `the server refuses: ${message}`,
      `--token-file FILE, or NMC_TOKEN, with a token that was made on the server’s machine: ${nmc`keys token new NAME`}`,
    );
  if (status === 402) return new UserError('serve/payment', `the server refuses: ${message}`, repair);
  if (status === 400 || status === 422)
    return new UserError('predict/server', `the server refuses (${code}): ${message}`, repair);
  return new EnvironmentError('predict/server', `the server refuses (${code}): ${message}`, repair);
}

function strange(what: string): EnvironmentError {
  return new EnvironmentError('predict/server', `this is not a server of predictions: ${what}`, 'check the address');
}

/** Reads that have a name beside their number: the name is what is printed. */
function namesIn(row: Sample): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.keys(row).flatMap((name) => (Object.hasOwn(row, `${name}_class`) ? [[name, []]] : [])),
  );
}
