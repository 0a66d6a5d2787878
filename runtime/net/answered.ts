/** Pings whose answers are told apart, on one connection. */
import { randomBytes } from 'node:crypto';
import type { WebSocket } from 'ws';

/** A link that takes longer is too slow for training. */
export const GIVE_UP_MS = 15_000;

/** @returns when the other end has answered a ping of now: it has had all that went out before. Nothing: it does not */
export function answered(socket: WebSocket, now: () => number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const nonce = randomBytes(16);
    const end = (at: number | undefined): void => {
      clearTimeout(timer);
      socket.off('pong', onPong);
      socket.off('close', onClose);
      resolve(at);
    };
    const onPong = (data: Buffer): void => {
      if (data.equals(nonce)) end(now());
    };
    const onClose = (): void => end(undefined);
    const timer = setTimeout(onClose, GIVE_UP_MS);
    socket.on('pong', onPong);
    socket.once('close', onClose);
    if (socket.readyState === socket.OPEN) socket.ping(nonce, undefined, () => undefined);
    else end(undefined);
  });
}
