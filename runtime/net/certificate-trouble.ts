/** Faults of the certificate of a mesh that speaks wss, and their repairs. */
import { EnvironmentError } from '../support/errors.ts';

interface Trouble {
  readonly what: string;
  readonly repair: string;
}

const SIGNS_ITSELF: Trouble = {
  what: 'its certificate signs itself, and this machine does not know it',
  repair: 'copy the file that was given to --cert there, and pin it: the same command with --ca FILE',
};
const UNKNOWN_AUTHORITY: Trouble = {
  what: 'its certificate is signed by an authority that this machine does not know',
  repair: 'trust the authority’s certificate: the same command with --ca FILE',
};
const ANOTHER_HOST: Trouble = {
  what: 'its certificate is for another host',
  repair: 'use a name that the certificate is for, or give that synchronizer a --cert for this one',
};

/** By the codes of Node and of OpenSSL. */
const TROUBLES: ReadonlyMap<string, Trouble> = new Map([
  ['DEPTH_ZERO_SELF_SIGNED_CERT', SIGNS_ITSELF],
  ['SELF_SIGNED_CERT_IN_CHAIN', UNKNOWN_AUTHORITY],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', UNKNOWN_AUTHORITY],
  ['UNABLE_TO_GET_ISSUER_CERT', UNKNOWN_AUTHORITY],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', UNKNOWN_AUTHORITY],
  ['ERR_TLS_CERT_ALTNAME_INVALID', ANOTHER_HOST],
  [
    'CERT_HAS_EXPIRED',
    { what: 'its certificate has expired', repair: 'give that synchronizer a new --cert; is the clock here right?' },
  ],
  [
    'CERT_NOT_YET_VALID',
    { what: 'its certificate is not valid yet', repair: 'is the clock of this machine right, and the one there?' },
  ],
  ['CERT_REVOKED', { what: 'its certificate was revoked', repair: 'give that synchronizer a new --cert' }],
]);

/** @returns nothing where it is not trouble with a certificate */
export function certificateTrouble(code: string | undefined, where: string): EnvironmentError | undefined {
  const trouble = TROUBLES.get(code ?? '');
  return trouble && new EnvironmentError('mesh/certificate', `${where}: ${trouble.what}`, trouble.repair);
}

/** Where one end speaks TLS and the other does not. */
export function plainTrouble(code: string | undefined, where: string): EnvironmentError | undefined {
  if (code !== 'EPROTO' && code !== 'ERR_SSL_WRONG_VERSION_NUMBER') return undefined;
  return new EnvironmentError(
    'mesh/certificate',
    `${where} does not speak TLS`,
    'use ws:// where the network between is your own, or start that synchronizer with --cert and --cert-key',
  );
}
