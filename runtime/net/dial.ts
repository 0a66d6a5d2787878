/** Connects to a gateway: the handshake, with what it may answer. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { rootCertificates } from 'node:tls';
import { WebSocket } from 'ws';
import type { KeyPair } from '../identity/ed25519.ts';
import { keyText } from '../identity/key-text.ts';
import { errorCode } from '../support/atomic.ts';
import { nmc } from '../support/command-text.ts';
import { EnvironmentError, UserError } from '../support/errors.ts';
import { isLoopback } from '../support/loopback.ts';
import { parsedJson } from '../support/parsed-json.ts';
import { printable } from '../support/printable.ts';
import { Envelopes, MAX_MESSAGE_BYTES } from '../wire/envelope.ts';
import { hello, type Invite, MAX_HANDSHAKE_BYTES, prove, type Role } from '../wire/handshake.ts';
import { type HandshakeRefusal, handshakeWords } from '../wire/refusals.ts';
import { MAX_BINARY_BYTES } from '../wire/routing.ts';
import { type Address, addressText, addressUrl } from './address.ts';
import { certificateTrouble, plainTrouble } from './certificate-trouble.ts';
import { connectEmulated, type EmulatedLink } from './emulated-socket.ts';
import { guarded } from './guarded.ts';
import { GatewayLink, type Link, type LinkOptions } from './link.ts';
import { meshOptions } from './mesh-options.ts';
import { quickMessages } from './quick-messages.ts';
import { reasonText, SOCKET_LIMITS, setMaxPayload } from './socket-limits.ts';
import { EXPELLED, OTHER_WIRE } from './welcome.ts';

export interface DialOptions extends LinkOptions {
  readonly address: Address;
  readonly role: Role;
  readonly keys: KeyPair;
  /** The gateway's key, where it is known. */
  readonly pinned?: Uint8Array;
  /** In PEM; trusted beside the authorities of the system. */
  readonly certificate?: string;
  /** Of the program: the other side names it where they cannot work together. */
  readonly version?: string;
  readonly invite?: Invite;
  /** Its bytes go through these lines. */
  readonly emulated?: EmulatedLink;
}

const HANDSHAKE_MILLISECONDS = 5000;

const SAME_RELEASE = 'install the same release on both';

/** Dropped without an answer: when many connect at once, a later attempt gets through. */
const ATTEMPTS = 4;
const BETWEEN_ATTEMPTS_MS = 100;
/** RFC 6455, 7.4.1: the connection ended without a close. */
const ABNORMAL = 1006;

class Dropped extends EnvironmentError {
  constructor(where: string) {
    super(
      'mesh/unreachable',
      `${where} closed the connection before it answered`,
      'try again: it may have many connections at once',
    );
  }
}

/**
 * @throws EnvironmentError `mesh/unreachable`; UserError `mesh/key`, `mesh/version`, `mesh/refused`, `mesh/expelled`
 */
export async function dial(options: DialOptions): Promise<Link> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await dialOnce(options);
    } catch (error) {
      // A neighbour has a relay beside it, and is dialled again by itself.
      if (!(error instanceof Dropped) || attempt === ATTEMPTS || options.sealed === true) throw error;
      await sleep(attempt * BETWEEN_ATTEMPTS_MS);
    }
  }
}

async function dialOnce(options: DialOptions): Promise<Link> {
  const { emulated, certificate, version } = options;
  // Before there is a socket: what throws here leaves none behind.
  const first = hello(options.role, options.keys, randomBytes(32), version);
  const socket = new WebSocket(addressUrl(options.address), {
    maxPayload: MAX_HANDSHAKE_BYTES,
    ...SOCKET_LIMITS,
    ...(options.sealed === true || isUnseen(options.address) ? { generateMask: noMask } : {}),
    ...(certificate === undefined ? {} : { ca: [...rootCertificates, certificate] }),
    ...(emulated ? { createConnection: connectEmulated(emulated, options.address.secure) } : {}),
  });
  const where = addressText(options.address);
  return new Promise<Link>((resolve, reject) => {
    let proved: Exclude<ReturnType<typeof prove>, string> | undefined;
    const timer = setTimeout(
      () => fail(new EnvironmentError('mesh/unreachable', `${where} does not answer`)),
      HANDSHAKE_MILLISECONDS,
    );
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.removeAllListeners('message');
      socket.on('error', () => undefined);
      socket.terminate();
      reject(error);
    };
    const caught = (error: unknown): void =>
      fail(new EnvironmentError('mesh/unreachable', `${where} is not a gateway: ${printable(error)}`));
    socket.on('open', () => socket.send(JSON.stringify(first)));
    socket.once('error', (error) => {
      fail(connectionError(errorCode(error), where));
    });
    socket.once('close', (code, reason) => {
      const words = `${where} refused the connection: ${reasonText(reason) || 'no reason given'}`;
      if (code === ABNORMAL && reason.length === 0) fail(new Dropped(where));
      else if (code === OTHER_WIRE) fail(new UserError('mesh/version', words, SAME_RELEASE));
      else fail(new UserError(code === EXPELLED ? 'mesh/expelled' : 'mesh/refused', words, keyRepair(options, words)));
    });
    const onMessage = (data: unknown, binary: boolean): void => {
      const text = binary ? '' : String(data);
      if (text === '' || text.length > MAX_HANDSHAKE_BYTES) {
        fail(new UserError('mesh/refused', `${where} is not a gateway`));
        return;
      }
      if (proved) {
        // Let in: what was proved has been checked and is listed.
        clearTimeout(timer);
        socket.removeAllListeners();
        setMaxPayload(socket, options.sealed === true ? MAX_BINARY_BYTES : MAX_MESSAGE_BYTES + 1024);
        if (options.sealed === true) quickMessages(socket, MAX_BINARY_BYTES);
        const { session } = proved;
        resolve(new GatewayLink(socket, options, new Envelopes(session, options.keys), keyText(session.peer)));
        return;
      }
      const answer = prove(first, parsedJson(text), options.keys, options.pinned, options.invite);
      if (typeof answer === 'string') {
        fail(refusalOf(where, answer, parsedJson(text), options));
        return;
      }
      proved = answer;
      socket.send(JSON.stringify(answer.proof));
    };
    socket.on('message', guarded({ end: () => socket.terminate(), caught }, onMessage));
  });
}

/** The command for an operator to type, where it is the key that was refused. */
function keyRepair({ keys, role, address, pinned }: DialOptions, words: string): string | undefined {
  if (!words.includes(' the key ')) return undefined;
  const mesh = meshOptions(address, pinned && keyText(pinned));
  return `an operator has to allow it: ${nmc`keys allow ${keyText(keys.publicKey)} --role ${role} ${mesh}`}`;
}

function connectionError(code: string | undefined, where: string): EnvironmentError {
  if (code === 'ECONNRESET') return new Dropped(where);
  const named = certificateTrouble(code, where) ?? plainTrouble(code, where);
  return (
    named ??
    new EnvironmentError(
      'mesh/unreachable',
      `there is no answer at ${where}`,
      `is the mesh up? To start one here: ${nmc`up`}`,
    )
  );
}

function refusalOf(
  where: string,
  code: HandshakeRefusal,
  answer: unknown,
  { pinned, version }: Pick<DialOptions, 'pinned' | 'version'>,
): UserError {
  if (code === 'version')
    return new UserError('mesh/version', `${where}: ${handshakeWords(code, answer, version)}`, SAME_RELEASE);
  const { key } = (answer ?? {}) as { readonly key?: unknown };
  const words = code === 'another key' && pinned ? `its key is ${printable(key)}, not ${keyText(pinned)}` : code;
  return new UserError('mesh/key', `${where}: ${words}`, 'if this is the right mesh, give its key: --fingerprint KEY');
}

/** No proxy lies on the way, or it sees nothing. */
function isUnseen({ host, secure }: Address): boolean {
  return secure || isLoopback(host);
}

/**
 * A mask guards against bytes that a stranger chose for a proxy to take for its own: a sealed packet holds none. It
 * costs a nanosecond a byte at each end, for a snapshot as much as its hash.
 */
export function noMask(mask: Buffer): void {
  mask.fill(0);
}
