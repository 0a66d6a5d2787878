/** A connection of a user's command to a mesh. */
import { ensureKey, readKey, userKeyPath } from '../../identity/key-file.ts';
import { keyBytes } from '../../identity/key-text.ts';
import { knownMesh, rememberMesh } from '../../identity/known-meshes.ts';
import { type Address, addressText, parseAddress } from '../../net/address.ts';
import { type DialOptions, dial } from '../../net/dial.ts';
import type { Link } from '../../net/link.ts';
import { meshOptions } from '../../net/mesh-options.ts';
import { nmc } from '../../support/command-text.ts';
import { EnvironmentError, UserError } from '../../support/errors.ts';
import { isLoopback } from '../../support/loopback.ts';
import type { Role } from '../../wire/handshake.ts';
import { packageVersion } from '../shell/package-root.ts';
import type { ReachArguments } from './options.ts';
import { rememberTrust, trustedCertificate } from './trusted-certificate.ts';

const HERE = '127.0.0.1';

/** `--mesh`, else `$NMC_MESH`, else the one on this machine. */
export function meshAddress(args: Pick<ReachArguments, 'mesh'>): Address {
  return parseAddress(args.mesh ?? (process.env.NMC_MESH || HERE));
}

/** Options by which a next command reaches the same mesh. */
export function asAsked(args: Pick<ReachArguments, 'mesh'>): string[] {
  return args.mesh === undefined ? [] : meshOptions(parseAddress(args.mesh));
}

/** @throws UserError `mesh/insecure` where what is sent could be read on the way */
export function assertSecure(address: Address, args: Pick<ReachArguments, 'insecure'>): void {
  if (address.secure || isLoopback(address.host) || args.insecure) return;
  throw new UserError(
    'mesh/insecure',
    `${addressText(address)} is another machine and the connection is not encrypted`,
    'use wss://, or --insecure if the network between is your own',
  );
}

/** The mesh's key: as said, or as it was last time; on this machine the first answer is believed. */
function pinnedKey(address: Address, args: Pick<ReachArguments, 'fingerprint'>): Uint8Array | undefined {
  const said = args.fingerprint ?? knownMesh(addressText(address));
  if (said !== undefined) {
    const key = keyBytes(said);
    if (key) return key;
    throw new UserError('mesh/fingerprint', `${said} is not a key`, `copy the 43 characters that ${nmc`up`} printed`);
  }
  if (isLoopback(address.host)) return undefined;
  throw new UserError(
    'mesh/unknown',
    `the key of the mesh at ${addressText(address)} is not known`,
    `give it once: --fingerprint KEY, as ${nmc`up`} printed it there`,
  );
}

/** By what a connection knows the mesh: its key, and its certificate where no authority of this machine has signed it. */
export function trustOf(
  address: Address,
  args: Pick<ReachArguments, 'fingerprint' | 'ca'>,
): Pick<DialOptions, 'pinned' | 'certificate'> {
  const pinned = pinnedKey(address, args);
  const certificate = trustedCertificate(address, args);
  return { ...(pinned ? { pinned } : {}), ...(certificate === undefined ? {} : { certificate }) };
}

export async function openMesh(args: ReachArguments, role: Role = 'operator', keyFile?: string): Promise<Link> {
  const address = meshAddress(args);
  assertSecure(address, args);
  const trust = trustOf(address, args);
  const keys = keyFile === undefined ? ensureKey(userKeyPath()) : readKey(keyFile);
  const link = await dial({ address, role, keys, version: packageVersion(), ...trust });
  rememberMesh(addressText(address), link.peer);
  rememberTrust(address, trust.certificate);
  return link;
}

/** Runs an operator's questions on a connection of their own. */
export async function withMesh<T>(args: ReachArguments, use: (link: Link) => Promise<T>): Promise<T> {
  const link = await openMesh(args);
  try {
    return await use(link);
  } finally {
    link.close();
  }
}

export function wentAway(error: unknown): boolean {
  return error instanceof EnvironmentError && ['mesh/lost', 'mesh/unreachable'].includes(error.code);
}
