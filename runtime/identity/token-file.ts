/**
 * Bearer tokens of HTTP servers, in one file with mode 0600 that keeps hashes only. A token is 32 random bytes, so its
 * plain SHA-256 tells nothing about it.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../support/atomic.ts';
import { nmc } from '../support/command-text.ts';
import { EnvironmentError, UserError } from '../support/errors.ts';
import { ownPath } from '../support/safe-path.ts';
import { configFolder } from './key-file.ts';

const FORMAT = 'nmc-tokens-1';
const PREFIX = 'nmc_';
const SECRET_BYTES = 32;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const MAX_TOKENS = 1000;
const MAX_FILE_BYTES = 1024 * 1024;

export interface StoredToken {
  readonly name: string;
  /** SHA-256 of the token, in hexadecimal digits. */
  readonly hash: string;
  /** ISO 8601. */
  readonly created: string;
}

export function userTokensPath(): string {
  return join(configFolder(), 'tokens.json');
}

/** @returns the token, which is kept nowhere. @throws UserError `token/name`, `token/exists`, `token/many` */
export function addToken(path: string, name: string, now: Date): string {
  if (!NAME.test(name))
    throw new UserError('token/name', 'a token cannot have that name', 'up to 64 letters, digits, dots and dashes');
  const tokens = existsSync(path) ? readTokens(path) : [];
  if (tokens.some((token) => token.name === name))
    throw new UserError(
      'token/exists',
      `there is already a token ${name}`,
      `use another name, or ${nmc`keys token revoke ${name}`}`,
    );
  if (tokens.length >= MAX_TOKENS)
    throw new UserError('token/many', `there are already ${MAX_TOKENS} tokens`, nmc`keys token revoke NAME`);
  const token = PREFIX + randomBytes(SECRET_BYTES).toString('base64url');
  writeTokens(path, [...tokens, { name, hash: hashOf(token).toString('hex'), created: now.toISOString() }]);
  return token;
}

/** @throws UserError `token/unknown` */
export function removeToken(path: string, name: string): void {
  const tokens = readTokens(path);
  const left = tokens.filter((token) => token.name !== name);
  if (left.length === tokens.length)
    throw new UserError('token/unknown', `there is no token ${name}`, `to see those that are: ${nmc`keys token list`}`);
  writeTokens(path, left);
}

/** @throws UserError `token/none`, `token/format`; EnvironmentError `key/mode` */
export function readTokens(path: string): readonly StoredToken[] {
  if (!existsSync(path))
    throw new UserError('token/none', `there are no tokens in ${path}`, `to make one: ${nmc`keys token new NAME`}`);
  const { mode, size } = statSync(path);
  if (process.platform !== 'win32' && (mode & 0o077) !== 0)
    throw new EnvironmentError('key/mode', `others may read or change the tokens in ${path}`, `chmod 600 ${path}`);
  if (size > MAX_FILE_BYTES) throw damaged(path);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    throw damaged(path);
  }
  const { format, tokens } = (value ?? {}) as Record<string, unknown>;
  if (format !== FORMAT || !Array.isArray(tokens) || !tokens.every(isToken)) throw damaged(path);
  return tokens;
}

/** The tokens of a file, looked up again when it changes: what was revoked is refused from then on. */
export class TokenFile {
  readonly #path: string;
  #stamp = '';
  #tokens: readonly { readonly name: string; readonly hash: Buffer }[] = [];

  /** @throws as `readTokens` */
  constructor(path: string) {
    this.#path = path;
    this.#load(stampOf(path));
  }

  nameOf(token: string): string | undefined {
    this.#follow();
    const hash = hashOf(token);
    let found: string | undefined;
    // All of them, whichever it is: the time says nothing.
    for (const known of this.#tokens) if (timingSafeEqual(known.hash, hash)) found = known.name;
    return found;
  }

  #follow(): void {
    const stamp = stampOf(this.#path);
    if (stamp === this.#stamp) return;
    try {
      this.#load(stamp);
    } catch {
      // A file that is missing, or that others may write, admits no client.
      this.#stamp = stamp;
      this.#tokens = [];
    }
  }

  #load(stamp: string): void {
    this.#tokens = readTokens(this.#path).map(({ name, hash }) => ({ name, hash: Buffer.from(hash, 'hex') }));
    this.#stamp = stamp;
  }
}

function stampOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found ? `${found.mtimeMs}-${found.size}-${found.ino}-${found.mode}` : 'none';
}

function writeTokens(path: string, tokens: readonly StoredToken[]): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const mask = process.umask(0o077);
  try {
    writeFileAtomic(ownPath(path), `${JSON.stringify({ format: FORMAT, tokens }, undefined, 1)}\n`);
  } finally {
    process.umask(mask);
  }
  chmodSync(path, 0o600);
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function isToken(value: unknown): value is StoredToken {
  const { name, hash, created } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof name === 'string' &&
    NAME.test(name) &&
    typeof hash === 'string' &&
    /^[0-9a-f]{64}$/.test(hash) &&
    typeof created === 'string' &&
    !Number.isNaN(Date.parse(created))
  );
}

function damaged(path: string): UserError {
  return new UserError(
    'token/format',
    `${path} is not a file of tokens`,
    `move it away, then ${nmc`keys token new NAME`}`,
  );
}
