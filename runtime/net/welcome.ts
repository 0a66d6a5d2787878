/** The listener's side of a handshake on a fresh socket: three bounded messages, in five seconds, or it is closed. */
import { randomBytes } from 'node:crypto';
import type { WebSocket } from 'ws';
import type { KeyPair } from '../identity/ed25519.ts';
import { keyText } from '../identity/key-text.ts';
import { parsedJson } from '../support/parsed-json.ts';
import { type Accepted, accept, challenge, MAX_HANDSHAKE_BYTES, type Role, type Session } from '../wire/handshake.ts';
import { type HandshakeRefusal, handshakeWords } from '../wire/refusals.ts';
import { WIRE_VERSION } from '../wire/version.ts';
import { guarded } from './guarded.ts';
import { closeReason } from './socket-limits.ts';

export const HANDSHAKE_MILLISECONDS = 5000;
/** Pings and pongs before the proof: none are needed. */
const MAX_CONTROL = 8;
const BAD_INVITE = 'the invite is unknown, used up or expired';

/** Why a connection ends that a trainer is to begin anew, at the same gateway: it loses nothing by it. */
export const SAY_AGAIN = 'say again what you are';
/** Codes of connections that end: refused, and of a key that was expelled and need not come again. */
const REFUSED = 4001;
export const EXPELLED = 4004;
/** Of a connection whose wire is not understood. */
export const OTHER_WIRE = 4005;

/** Why a connection is not admitted. */
export interface Unwelcome {
  readonly words: string;
  /** The key was put out. */
  readonly expelled?: boolean;
}

type MaybeUnwelcome = Unwelcome | undefined;

/** Admission may have to be made durable first. */
export type Refuse = (key: string, role: Role, invite: string | undefined) => Promise<MaybeUnwelcome> | MaybeUnwelcome;

export interface Welcoming {
  readonly keys: KeyPair;
  /** Of the program, which a refusal of another wire names. */
  readonly version?: string;
  /** The public key of an invite that is good now. */
  readonly inviteKey: (invite: string) => Uint8Array | undefined;
  /** @returns why this key may not have this role, or nothing. @param invite that was shown */
  readonly refuse: Refuse;
  /** The kind of refusal that this counts as. */
  readonly unlisted: 'not listed' | 'not a neighbour';
  /** A connection was not admitted. */
  readonly refused: (reason: HandshakeRefusal) => void;
  /** @returns whether there is a place for it */
  readonly enter?: (session: Session, key: string) => boolean;
  /** A connection was admitted; nothing listens to the socket yet except for errors. */
  readonly open: (session: Session, key: string) => void;
  readonly caught: (error: unknown) => void;
}

interface Refused {
  readonly code: HandshakeRefusal;
  /** For the other end, where the code says too little. */
  readonly words?: string;
  readonly expelled?: boolean;
}

export function welcome(
  socket: WebSocket,
  { keys, version, inviteKey, refuse, unlisted, refused, enter, open, caught }: Welcoming,
): void {
  const timer = setTimeout(() => {
    refused('too slow');
    socket.terminate();
  }, HANDSHAKE_MILLISECONDS);
  const end = (words: string, code = REFUSED): void => {
    clearTimeout(timer);
    socket.removeAllListeners('message');
    socket.close(code, closeReason(words));
  };
  const close = ({ code, words = code, expelled = false }: Refused): void => {
    refused(code);
    end(words, code === 'version' ? OTHER_WIRE : expelled ? EXPELLED : REFUSED);
  };
  let session: Session | undefined;
  let control = 0;
  const onControl = (): void => {
    if (++control > MAX_CONTROL) socket.terminate();
  };
  const take = (data: Buffer, binary: boolean): Refused | undefined => {
    if (binary || data.length > MAX_HANDSHAKE_BYTES) return { code: 'no handshake' };
    const value = parsedJson(String(data));
    if (!session) {
      const answer = challenge(value, keys, randomBytes(32));
      if (typeof answer === 'string') return { code: answer, words: handshakeWords(answer, value, version) };
      session = answer.session;
      socket.send(JSON.stringify(answer.challenge));
      return undefined;
    }
    const accepted = accept(session, value, keys.publicKey, inviteKey);
    if (typeof accepted === 'string') return { code: accepted, words: handshakeWords(accepted, value, version) };
    // Nothing more is to be said before it is let in.
    socket.removeAllListeners('message');
    socket.on('message', () => close({ code: 'no handshake' }));
    judge(session, accepted).catch((error: unknown) => {
      caught(error);
      end('the mesh could not save that: try again');
    });
    return undefined;
  };
  const judge = async (proved: Session, { invite, badInvite }: Accepted): Promise<void> => {
    const key = keyText(proved.peer);
    const problem = await refuse(key, proved.role, invite);
    if (socket.readyState !== socket.OPEN) return;
    if (problem !== undefined) {
      const words = badInvite === true ? `${problem.words.split(':')[0]}, and ${BAD_INVITE}` : problem.words;
      close({ ...problem, code: unlisted, words });
      return;
    }
    if (enter && !enter(proved, key)) {
      close({ code: 'no place' });
      return;
    }
    clearTimeout(timer);
    for (const event of ['message', 'ping', 'pong']) socket.removeAllListeners(event);
    socket.send(JSON.stringify({ v: WIRE_VERSION, type: 'welcome' }));
    open(proved, key);
  };
  const onMessage = (data: Buffer, binary: boolean): void => {
    const problem = take(data, binary);
    if (problem) close(problem);
  };
  socket.on('error', () => undefined);
  socket.on('close', () => clearTimeout(timer));
  socket.on('ping', onControl);
  socket.on('pong', onControl);
  socket.on('message', guarded({ end: () => end('refused'), caught }, onMessage));
}
