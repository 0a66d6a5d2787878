/** The listener's side of a handshake on a fresh socket: three bounded messages, in five seconds, or it is closed. */
import { randomBytes } from 'node:crypto';
import type { WebSocket } from 'ws';
import type { KeyPair } from '../identity/ed25519.ts';
import { keyText } from '../identity/key-text.ts';
import { type Accepted, accept, challenge, MOST_HANDSHAKE, type Role, type Session } from '../wire/handshake.ts';
import { WIRE_VERSION } from '../wire/version.ts';
import { parsedJson } from './parsed-json.ts';

export const HANDSHAKE_MILLISECONDS = 5000;
const BAD_INVITE = 'the invite is unknown, used up or expired';

/** What it takes to let somebody in may have to be durable first. */
export type Refuse = (
  key: string,
  role: Role,
  invite: string | undefined,
) => Promise<string | undefined> | string | undefined;

export interface Welcoming {
  readonly keys: KeyPair;
  /** The public key of an invite that is good now. */
  readonly inviteKey: (invite: string) => Uint8Array | undefined;
  /** @returns why this key may not have this role, or nothing. @param invite that was shown */
  readonly refuse: Refuse;
  /** Somebody was not let in. */
  readonly refused: (reason: string) => void;
  /** Somebody was; nothing listens to the socket yet but for errors. */
  readonly open: (session: Session, key: string) => void;
}

export function welcome(socket: WebSocket, { keys, inviteKey, refuse, refused, open }: Welcoming): void {
  const timer = setTimeout(() => {
    refused('too slow');
    socket.terminate();
  }, HANDSHAKE_MILLISECONDS);
  const close = (reason: string): void => {
    clearTimeout(timer);
    refused(reason.slice(0, 60));
    socket.removeAllListeners('message');
    socket.close(4001, reason.slice(0, 120));
  };
  let session: Session | undefined;
  socket.on('error', () => undefined);
  socket.on('close', () => clearTimeout(timer));
  socket.on('message', (data: Buffer, binary: boolean) => {
    if (binary || data.length > MOST_HANDSHAKE) {
      close('no handshake');
      return;
    }
    const value = parsedJson(String(data));
    if (!session) {
      const answer = challenge(value, keys, randomBytes(32));
      if (typeof answer === 'string') {
        close(answer);
        return;
      }
      session = answer.session;
      socket.send(JSON.stringify(answer.challenge));
      return;
    }
    const accepted = accept(session, value, keys.publicKey, inviteKey);
    if (typeof accepted === 'string') {
      close(accepted);
      return;
    }
    // Nothing more is to be said before it is let in.
    socket.removeAllListeners('message');
    socket.on('message', () => close('no handshake'));
    judge(session, accepted).catch(() => close('that could not be kept: try again'));
  });
  const judge = async (proved: Session, { invite, badInvite }: Accepted): Promise<void> => {
    const key = keyText(proved.peer);
    const problem = await refuse(key, proved.role, invite);
    if (socket.readyState !== socket.OPEN) return;
    if (problem !== undefined) {
      close(badInvite === true ? `${problem.split(':')[0]}, and ${BAD_INVITE}` : problem);
      return;
    }
    clearTimeout(timer);
    socket.removeAllListeners('message');
    socket.send(JSON.stringify({ v: WIRE_VERSION, type: 'welcome' }));
    open(proved, key);
  };
}
