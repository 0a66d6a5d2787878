/** `Authorization: Bearer TOKEN`. */

import { nmc } from '../support/command-text.ts';
import { HttpError } from './http-error.ts';

/** Who holds a token that is good now. */
export interface Tokens {
  /** @returns the token's name, or nothing */
  nameOf(token: string): string | undefined;
}

/** @returns the name of the token that was shown. @throws HttpError 401 `http/token` */
export function checkBearer(header: string | undefined, tokens: Tokens | undefined): string {
  const token = /^bearer +([!-~]{1,512})$/i.exec(header ?? '')?.[1];
  const name = token === undefined ? undefined : tokens?.nameOf(token);
  if (name !== undefined) return name;
  const challenge = token === undefined ? 'Bearer realm="nmc"' : 'Bearer realm="nmc", error="invalid_token"';
  throw new HttpError(
    401,
    'http/token',
    token === undefined ? 'this request needs a token' : 'the token is not valid',
    {
      repair: tokens
        ? `send Authorization: Bearer TOKEN; to make one on the server’s machine: ${nmc`keys token new NAME`}`
        : `ask on the machine itself, or start the server with --tokens FILE, made by ${nmc`keys token new NAME`}`,
      headers: { 'www-authenticate': challenge },
      closes: true,
    },
  );
}
