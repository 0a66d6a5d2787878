/** Meshes that this user has met: their addresses and keys, so that another one cannot take their place unseen. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../support/atomic.ts';
import { ownPath } from '../support/safe-path.ts';
import { configFolder } from './key-file.ts';

const path = (): string => join(configFolder(), 'meshes.json');
/** Meshes that a trainer of this user has joined, and the file of the key that it has there. */
const joinedPath = (): string => join(configFolder(), 'joined.json');
/** Certificates of meshes that no authority of this machine has signed, in PEM. */
const certificatesPath = (): string => join(configFolder(), 'certificates.json');

/** The key of the mesh at an address, as it was last time. */
export function knownMesh(address: string): string | undefined {
  return textAt(path(), address);
}

export function joinedKeyFile(address: string): string | undefined {
  return textAt(joinedPath(), address);
}

/** Addresses of all meshes that a trainer of this user has joined, and whose keys for it are still there. */
export function joinedMeshes(): string[] {
  return Object.entries(readAll(joinedPath())).flatMap(([address, file]) =>
    typeof file === 'string' && existsSync(file) ? [address] : [],
  );
}

export function knownCertificate(address: string): string | undefined {
  return textAt(certificatesPath(), address);
}

export function rememberCertificate(address: string, pem: string): void {
  remember(certificatesPath(), address, pem);
}

export function rememberJoined(address: string, keyFile: string): void {
  remember(joinedPath(), address, keyFile);
}

export function rememberMesh(address: string, key: string): void {
  remember(path(), address, key);
}

function remember(file: string, address: string, value: string): void {
  if (textAt(file, address) === value) return;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileAtomic(ownPath(file), `${JSON.stringify({ ...readAll(file), [address]: value }, null, 2)}\n`);
}

function textAt(file: string, address: string): string | undefined {
  const known = readAll(file)[address];
  return typeof known === 'string' ? known : undefined;
}

function readAll(file: string): Record<string, unknown> {
  if (!existsSync(file)) return {};
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
