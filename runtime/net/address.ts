/** Where a mesh is: HOST, HOST:PORT, ws:// or wss://, port 7420 unless said. */
import { UserError } from '../support/errors.ts';

export const DEFAULT_PORT = 7420;

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
}

/** @throws UserError `mesh/address` */
export function parseAddress(text: string): Address {
  const full = /^wss?:\/\//.test(text) ? text : `ws://${text}`;
  const bare = full.replace(/^wss?:\/\//, '');
  let url: URL;
  try {
    url = new URL(full);
  } catch {
    throw wrong(text);
  }
  if (url.hostname === '' || /[/?#@]/.test(bare.replace(/\/$/, ''))) throw wrong(text);
  // `ws:` has a port of its own, which URL leaves out.
  const port = /:(\d+)\/?$/.exec(bare)?.[1];
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { host, port: port === undefined ? DEFAULT_PORT : Number(port), secure: url.protocol === 'wss:' };
}

export function addressText({ host, port, secure }: Address): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return secure ? `wss://${name}:${port}` : `${name}:${port}`;
}

export function addressUrl(address: Address): string {
  const text = addressText(address);
  return address.secure ? text : `ws://${text}`;
}

function wrong(text: string): UserError {
  return new UserError(
    'mesh/address',
    `${text} is not an address`,
    'HOST, HOST:PORT, ws://HOST:PORT or wss://HOST:PORT',
  );
}
