/** When a request is over: its answer has gone out, or its client has. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Answers that wait for others of their connection hear nothing of its end; the connection does. */
const open = new WeakMap<Socket, Set<() => void>>();

/** @param call once */
export function whenOver({ socket }: IncomingMessage, response: ServerResponse, call: () => void): void {
  const calls = callsOf(socket);
  const over = (): void => {
    if (calls.delete(over)) call();
  };
  calls.add(over);
  response.once('close', over);
  if (socket.destroyed) over();
}

function callsOf(socket: Socket): Set<() => void> {
  const known = open.get(socket);
  if (known) return known;
  const calls = new Set<() => void>();
  open.set(socket, calls);
  socket.once('close', () => {
    for (const over of [...calls]) over();
  });
  return calls;
}
