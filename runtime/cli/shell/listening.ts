/** Common rules of commands that listen: certificates, tokens, and no open door without a word. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { reasonOf } from '../../../spec/reason-of.ts';
import { Hosts } from '../../http/hosts.ts';
import type { Certificate } from '../../http/limited-server.ts';
import { TokenFile } from '../../identity/token-file.ts';
import { UserError } from '../../support/errors.ts';
import { isLoopback } from '../../support/loopback.ts';

/** Of a command that listens. */
interface ListenArguments {
  readonly cert: string | undefined;
  readonly 'cert-key': string | undefined;
  readonly insecure: boolean;
  readonly host: readonly string[];
  readonly tokens: string | undefined;
  readonly origin: readonly string[];
}

/** `--cert FILE --cert-key FILE`. @throws UserError `usage`, `tls/certificate` */
export function certificateOf(args: Pick<ListenArguments, 'cert' | 'cert-key'>): Certificate | undefined {
  const [cert, key] = [args.cert, args['cert-key']];
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw new UserError('usage', 'TLS needs a certificate and its key', '--cert FILE --cert-key FILE');
  const certificate = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  try {
    createSecureContext(certificate);
  } catch (error) {
    const why = reasonOf(error);
    throw new UserError('tls/certificate', `${cert} and ${key} are not a certificate and its key in PEM (${why})`);
  }
  return certificate;
}

/** @throws UserError `serve/insecure` where what is sent could be read on the way */
export function assertSecureHttp(
  host: string,
  certificate: Certificate | undefined,
  args: Pick<ListenArguments, 'insecure'>,
): void {
  if (certificate || isLoopback(host) || args.insecure) return;
  throw new UserError(
    'serve/insecure',
    `${host || 'every address'} is not only this machine, and connections to it would not be encrypted`,
    'give --cert FILE --cert-key FILE, or --insecure if the network between is your own',
  );
}

/** `--listen HOST:PORT`, or `--listen HOST` with `--port`. @throws UserError `usage/port` for two ports */
export function listenOf(
  { listen: said = '127.0.0.1', port }: { readonly listen?: string | undefined; readonly port?: number | undefined },
  usual: number,
): { readonly host: string; readonly port: number } {
  // An address of IPv6 has colons of its own: behind it, a port stands outside its brackets.
  const [, name, digits] = /^(\[[^\]]*\]|[^:]*):(\d{1,5})$/.exec(said) ?? [];
  const own = digits === undefined ? undefined : Number(digits);
  if (own !== undefined && (own > 65_535 || (port !== undefined && port !== own)))
    throw new UserError(
      'usage/port',
      own > 65_535 ? `--listen ${said}: ports are 0 to 65535` : `--listen ${said} and --port ${port} give two ports`,
      own > 65_535 ? 'name another one' : 'leave --port out',
    );
  return { host: (name ?? said).replace(/^\[(.*)\]$/, '$1'), port: own ?? port ?? usual };
}

/** The names that a server answers to: its address, and each `--host NAME`. */
export function hostsOf(address: string, args: Pick<ListenArguments, 'host'>): Hosts {
  return new Hosts([address, ...args.host]);
}

/** `--tokens FILE`. @throws as `readTokens` */
export function tokensOf(args: Pick<ListenArguments, 'tokens'>): TokenFile | undefined {
  const path = args.tokens;
  return path === undefined ? undefined : new TokenFile(path);
}

/** Each `--origin URL`, as browsers say it. @throws UserError `mesh/origin` */
export function originsOf(args: Pick<ListenArguments, 'origin'>): string[] {
  return args.origin.map((said) => {
    const origin = URL.canParse(said) ? new URL(said).origin : 'null';
    if (/^https?:/.test(origin)) return origin;
    throw new UserError(
      'mesh/origin',
      `${said} is not the origin of a page`,
      '--origin https://HOST, or http://HOST:PORT',
    );
  });
}
