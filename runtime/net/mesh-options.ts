/** How commands name a mesh, so that they reach it when pasted. */
import { isLoopback } from '../support/loopback.ts';
import { type Address, addressText, DEFAULT_PORT } from './address.ts';

/** Option that an address beyond this machine needs where it is not encrypted. */
export function insecureOption(address: Address): string[] {
  return address.secure || isLoopback(address.host) ? [] : ['--insecure'];
}

/**
 * Options by which the commands of an operator reach a mesh; none for the one that they look for anyway.
 * @param key of the mesh, where it may not be known yet
 * @param usual the mesh that they look for
 */
export function meshOptions(address: Address, key?: string, usual = process.env.NMC_MESH ?? ''): string[] {
  const { host, port, secure } = address;
  const here = isLoopback(host);
  if (here && port === DEFAULT_PORT && !secure && usual === '') return [];
  const fingerprint = here || key === undefined ? [] : ['--fingerprint', key];
  return ['--mesh', addressText(address), ...fingerprint, ...insecureOption(address)];
}
