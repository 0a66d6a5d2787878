/** Meshes that this user has met: their addresses and keys, so that another one cannot take their place unseen. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../support/atomic.ts';
import { ownPath } from '../support/safe-path.ts';
import { configFolder } from './key-file.ts';

const path = (): string => join(configFolder(), 'meshes.json');

/** The key of the mesh at an address, as it was last time. */
export function knownMesh(address: string): string | undefined {
  const known = readAll()[address];
  return typeof known === 'string' ? known : undefined;
}

export function rememberMesh(address: string, key: string): void {
  if (knownMesh(address) === key) return;
  mkdirSync(dirname(path()), { recursive: true, mode: 0o700 });
  writeFileAtomic(ownPath(path()), `${JSON.stringify({ ...readAll(), [address]: key }, null, 2)}\n`);
}

function readAll(): Record<string, unknown> {
  if (!existsSync(path())) return {};
  try {
    const value: unknown = JSON.parse(readFileSync(path(), 'utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
