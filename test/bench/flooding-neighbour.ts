/**
 * Loaded before `nmc join` (`NODE_OPTIONS=--import`): a trainer that does its work and, while the file that `$NMC_FLOOD`
 * names is there, sends each border packet many times more, whole and damaged, wherever it sends it once.
 */
import { existsSync } from 'node:fs';
import { WebSocket } from 'ws';
import { BORDER } from '../../runtime/wire/routing.ts';

const COPIES = 16;
/** Bytes that wait in a socket: more would only fill this machine's memory. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
const LOOK_EVERY_MILLISECONDS = 100;

const file = process.env.NMC_FLOOD ?? '';
const send = WebSocket.prototype.send as unknown as (this: WebSocket, ...args: unknown[]) => void;
let flooding = false;
setInterval(() => {
  flooding = existsSync(file);
}, LOOK_EVERY_MILLISECONDS).unref();

WebSocket.prototype.send = function (this: WebSocket, data: unknown, ...rest: unknown[]): void {
  send.call(this, data, ...rest);
  if (!flooding || !(data instanceof Uint8Array) || data[0] !== BORDER) return;
  for (let i = 0; i < COPIES && this.bufferedAmount < MAX_WAITING_BYTES; i++) {
    const copy = Buffer.from(data);
    if (i % 2 === 1) copy[copy.length - 1] = (copy[copy.length - 1] ?? 0) ^ 1;
    send.call(this, copy);
  }
} as typeof WebSocket.prototype.send;
