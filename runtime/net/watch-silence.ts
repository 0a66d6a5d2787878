/** Notices that the other end of a connection has gone without a word. */
import type { WebSocket } from 'ws';

/**
 * Ends a connection whose other end is silent. It counts its own seconds: while this process itself was held up, it
 * could not hear either. @param seconds nothing: it waits for ever. @returns ends the watch
 */
export function watchSilence(socket: WebSocket, seconds: number | undefined): () => void {
  if (seconds === undefined) return () => undefined;
  let silent = 0;
  const heard = (): void => {
    silent = 0;
  };
  for (const sign of ['ping', 'pong', 'message'] as const) socket.on(sign, heard);
  const timer = setInterval(() => {
    if (++silent > seconds) socket.terminate();
  }, 1000);
  timer.unref();
  return () => clearInterval(timer);
}
