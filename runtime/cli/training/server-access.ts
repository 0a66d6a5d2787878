/** How `nmc predict URL` reaches a server: the certificate that it trusts, and the token that it shows. */

import { nmc } from '../../support/command-text.ts';
import { UserError } from '../../support/errors.ts';
import { isLoopback } from '../../support/loopback.ts';
import { readCertificate } from '../mesh/trusted-certificate.ts';
import { readSecret, type SecretKind } from '../shell/secret-file.ts';

/** As servers read it from a header. */
const TOKEN = /^[!-~]{1,512}$/;
const HOW = '--token-file FILE reads it from a file of your own; or NMC_TOKEN';
const SECRET: SecretKind = {
  ...{ what: 'the token', most: 1024, how: HOW },
  ...{ code: 'predict/token', modeCode: 'predict/token-mode' },
};

export interface ServerAccess {
  readonly address: URL;
  /** PEM. */
  readonly ca: string | undefined;
  readonly token: string | undefined;
}

/**
 * @param address as it was given: https://HOST:PORT
 * @throws UserError `usage/input`, `tls/certificate`, `predict/token`; EnvironmentError `predict/token-mode`
 */
export function serverAccess(
  address: string,
  { ca, 'token-file': file }: { readonly ca: string | undefined; readonly 'token-file': string | undefined },
): ServerAccess {
  const url = addressOf(address);
  if (ca !== undefined && url.protocol !== 'https:')
    throw new UserError(
      'usage/input',
      `--ca names a certificate, and ${address} is not encrypted`,
      'use https://, or leave --ca out',
    );
  const token = tokenOf(file);
  if (token !== undefined && url.protocol !== 'https:' && !isLoopback(url.hostname.replace(/^\[|\]$/g, '')))
    throw new UserError(
      'predict/token',
      `the token could be read on its way to ${address}, which is not encrypted`,
      `use https://, of a server with --cert FILE --cert-key FILE; --ca FILE trusts a certificate of your own`,
    );
  return { address: url, ca: ca === undefined ? undefined : readCertificate(ca), token };
}

function addressOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.search !== '' || url.hash !== '')
    throw new UserError('usage/input', `${text} is not the address of a server`, 'name it as http://HOST:PORT');
  if (url.username !== '' || url.password !== '')
    throw new UserError(
      'predict/token',
      'every user of this machine can read a password on the command line, and servers ask for tokens',
      HOW,
    );
  return url;
}

function tokenOf(file: string | undefined): string | undefined {
  if (file === undefined) return process.env.NMC_TOKEN ? checked(process.env.NMC_TOKEN) : undefined;
  if (/^nmc_[\w-]{20,}$/.test(file))
    throw new UserError('predict/token', 'every user of this machine can read a token on the command line', HOW);
  return checked(readSecret(file, SECRET));
}

function checked(given: string): string {
  const token = given.trim();
  if (!TOKEN.test(token))
    throw new UserError('predict/token', 'this is not a token', `copy what was printed by ${nmc`keys token new NAME`}`);
  return token;
}
