/** A key pair in one file with mode 0600. */
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { createFileAtomic } from '../support/atomic.ts';
import { nmc } from '../support/command-text.ts';
import { EnvironmentError, UserError } from '../support/errors.ts';
import { ownPath } from '../support/safe-path.ts';
import { type KeyPair, keyPairFromSeed, newKeyPair } from './ed25519.ts';
import { keyText } from './key-text.ts';

const FORMAT = 'nmc-key-1';

/** Where a user's own key and known meshes lie: `$NMC_CONFIG`, else `nmc` in the folder that the system has for it. */
export function configFolder(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  if (environment.NMC_CONFIG) return environment.NMC_CONFIG;
  if (process.platform === 'win32' && environment.APPDATA) return join(environment.APPDATA, 'nmc');
  return join(environment.XDG_CONFIG_HOME || join(homedir(), '.config'), 'nmc');
}

export function userKeyPath(): string {
  return join(configFolder(), 'key.json');
}

/** The key in the file, made where there is none. @throws UserError `key/format`; EnvironmentError `key/mode` */
export function ensureKey(path: string): KeyPair {
  // Two commands that are the first of this user at once have one key: who comes second reads what is there.
  return (existsSync(path) ? undefined : createKey(path)) ?? readKey(path);
}

/** @throws UserError `key/exists` */
export function writeNewKey(path: string): KeyPair {
  const pair = existsSync(path) ? undefined : createKey(path);
  if (pair) return pair;
  throw new UserError(
    'key/exists',
    `there is already a key: ${path}`,
    `move the file away first; to print the key in it: ${nmc`keys show`}`,
  );
}

/** The key of another file, where there is none yet. @throws as `readKey` */
export function shareKey(from: string, to: string): void {
  if (!existsSync(to)) createKey(to, readKey(from));
}

/** @returns nothing where another process has made a key there */
function createKey(path: string, pair: KeyPair = newKeyPair()): KeyPair | undefined {
  const secret = Buffer.from(pair.secretKey.subarray(0, 32)).toString('base64url');
  const content = `${JSON.stringify({ format: FORMAT, publicKey: keyText(pair.publicKey), seed: secret })}\n`;
  return createPrivateFile(path, content) ? pair : undefined;
}

/** A file that its owner alone may read, where there is none. @returns whether this call has made it */
export function createPrivateFile(path: string, content: string): boolean {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // The mode is set by the mask before anything is in the file, and again in case the mask was changed.
  const mask = process.umask(0o077);
  try {
    if (!createFileAtomic(ownPath(path), content)) return false;
  } finally {
    process.umask(mask);
  }
  chmodSync(path, 0o600);
  return true;
}

/** @throws EnvironmentError `key/mode` where others than its owner may read the file */
export function assertPrivate(path: string): void {
  if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0)
    throw new EnvironmentError('key/mode', `others may read the key in ${path}`, `chmod 600 ${path}`);
}

export function readKey(path: string): KeyPair {
  assertPrivate(path);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    throw damaged(path, 'it is not JSON');
  }
  const { format, publicKey, seed } = (value ?? {}) as Record<string, unknown>;
  if (format !== FORMAT) throw damaged(path, `its format is not ${FORMAT}`);
  if (typeof seed !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(seed)) throw damaged(path, 'it has no seed');
  const pair = keyPairFromSeed(new Uint8Array(Buffer.from(seed, 'base64url')));
  if (keyText(pair.publicKey) !== publicKey) throw damaged(path, 'its two halves do not belong together');
  return pair;
}

function damaged(path: string, why: string): UserError {
  return new UserError(
    'key/format',
    `${path} is not a key: ${why}`,
    `restore it from a copy, or make another: ${nmc`keys new`}`,
  );
}
