/** A connection that only looks at a mesh, by whichever key of this user is let in. */
import { existsSync } from 'node:fs';
import { joinedKeyFile, joinedMeshes } from '../../identity/known-meshes.ts';
import { addressText, parseAddress } from '../../net/address.ts';
import type { Link } from '../../net/link.ts';
import { nmc } from '../../support/command-text.ts';
import { EnvironmentError, UserError } from '../../support/errors.ts';
import { isLoopback } from '../../support/loopback.ts';
import { meshAddress, openMesh } from './mesh-link.ts';
import type { ReachArguments } from './options.ts';

export interface Looking {
  readonly link: Link;
  /** Options by which a next command reaches the same mesh. */
  readonly reached: ReachArguments;
}

/**
 * Without an address it is the mesh of this machine, and where none lets this user look, the one that a trainer of this
 * user has joined.
 */
export async function openMeshToLook(args: ReachArguments): Promise<Looking> {
  try {
    return { link: await openAsAnyone(args), reached: args };
  } catch (error) {
    if (args.mesh !== undefined || process.env.NMC_MESH || !isElsewhere(error)) throw error;
    const mesh = joinedMesh(addressText(meshAddress(args)), joinedMeshes());
    if (mesh === undefined) throw error;
    // Its trainer was allowed to connect as it does.
    const reached = { ...args, mesh, insecure: true };
    return { link: await openAsAnyone(reached), reached };
  }
}

/**
 * The one mesh elsewhere that was joined, or where there is none the one at another port of this machine.
 * @throws UserError `mesh/several` where there are more elsewhere
 */
export function joinedMesh(tried: string, joined: readonly string[]): string | undefined {
  const isHere = (address: string): boolean => isLoopback(parseAddress(address).host);
  const elsewhere = joined.filter((address) => !isHere(address));
  if (elsewhere.length > 1)
    throw new UserError(
      'mesh/several',
      `no mesh on this machine lets you look, and you have joined ${elsewhere.length} others: ${elsewhere.join(', ')}`,
      `say which: ${nmc`status --mesh ADDR`}`,
    );
  // Meshes of this machine come and go with their ports: which of several is meant cannot be known.
  const others = joined.filter((address) => isHere(address) && address !== tried);
  return elsewhere[0] ?? (others.length === 1 ? others[0] : undefined);
}

/** As an operator where the key may, else as a viewer; else as the trainer that this user has joined the mesh with. */
async function openAsAnyone(args: ReachArguments): Promise<Link> {
  const joined = joinedKeyFile(addressText(meshAddress(args)));
  const ways = [
    () => openMesh(args),
    () => openMesh(args, 'viewer'),
    ...(joined !== undefined && existsSync(joined) ? [() => openMesh(args, 'viewer', joined)] : []),
  ];
  for (const [i, open] of ways.entries()) {
    try {
      return await open();
    } catch (error) {
      if (i === ways.length - 1 || !(error instanceof UserError) || error.code !== 'mesh/refused') throw error;
    }
  }
  throw new Error('openAsAnyone: no way');
}

/** Nothing answers at the address, or a mesh that does not know this user. */
function isElsewhere(error: unknown): boolean {
  if (error instanceof EnvironmentError) return error.code === 'mesh/unreachable';
  return error instanceof UserError && error.code === 'mesh/refused';
}
