/** A secret in a file of this user's own: other users of a machine can read its command lines. */
import { readFileSync, statSync } from 'node:fs';
import { errorCode } from '../../support/atomic.ts';
import type { ErrorCode } from '../../support/error-codes.ts';
import { EnvironmentError, UserError } from '../../support/errors.ts';

export interface SecretKind {
  /** `the invite`. */
  readonly what: string;
  /** No such secret is longer. */
  readonly most: number;
  readonly code: ErrorCode;
  /** Where others may read the file. */
  readonly modeCode: ErrorCode;
  /** What to do instead. */
  readonly how: string;
}

/**
 * @returns the text of the file; nothing of one that is too long for any such secret
 * @throws UserError where it cannot be read; EnvironmentError where others may read it
 */
export function readSecret(path: string, { what, most, code, modeCode, how }: SecretKind): string {
  try {
    const { mode, size } = statSync(path);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      throw new EnvironmentError(modeCode, `others may read ${what} in ${path}`, `chmod 600 ${path}`);
    return size > most ? '' : readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === undefined || error instanceof EnvironmentError) throw error;
    throw new UserError(code, `${what} in ${path} cannot be read (${errorCode(error)})`, how);
  }
}
