/** Certificates of meshes, where no authority that this machine knows has signed them. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { reasonOf } from '../../../spec/reason-of.ts';
import { knownCertificate, rememberCertificate } from '../../identity/known-meshes.ts';
import { type Address, addressText } from '../../net/address.ts';
import { UserError } from '../../support/errors.ts';

/** Longer than any certificate with its chain. */
const MAX_CHARACTERS = 64 * 1024;

/**
 * The certificate that is trusted beside those of the system: `--ca FILE`, else the one of last time.
 * @throws UserError `usage`, `tls/certificate`
 */
export function trustedCertificate(address: Address, args: { readonly ca: string | undefined }): string | undefined {
  if (args.ca === undefined) return address.secure ? knownCertificate(addressText(address)) : undefined;
  if (!address.secure)
    throw new UserError(
      'usage',
      `--ca names a certificate, and ${addressText(address)} is not encrypted`,
      'use wss://, or leave --ca out',
    );
  return readCertificate(args.ca);
}

/** For the next command, which then needs no `--ca`. */
export function rememberTrust(address: Address, certificate: string | undefined): void {
  if (certificate !== undefined) rememberCertificate(addressText(address), certificate);
}

/** Whether a certificate has no authority but itself. */
export function signsItself(pem: string): boolean {
  const certificate = new X509Certificate(pem);
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
}

/** @throws UserError `tls/certificate` */
export function readCertificate(path: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length > MAX_CHARACTERS) throw new Error(`it is longer than ${MAX_CHARACTERS} characters`);
    new X509Certificate(text);
    return text;
  } catch (error) {
    throw new UserError(
      'tls/certificate',
      `${path} is not a certificate in PEM (${reasonOf(error)})`,
      '--ca FILE, a copy of the certificate that the other side was given, or of its authority',
    );
  }
}
