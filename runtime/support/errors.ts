/** Failures that a person can repair, kept apart from bugs. Caught once, at the top of the command line. */
import type { ErrorCode } from './error-codes.ts';

/** The code of a failure that another process has told: of another version, it may not be in the table. */
export class RelayedCode {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** The user's input is wrong: exit code 2. */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly code: string;
  readonly repair: string | undefined;
  /** @param code a row of `error-codes.ts`; @param repair what to do instead, in one sentence */
  constructor(code: ErrorCode | RelayedCode, message: string, repair?: string) {
    super(message);
    this.code = typeof code === 'string' ? code : code.text;
    this.repair = repair;
  }
}

/** The machine failed (no device, disk full, no network): exit code 3. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
  readonly code: string;
  readonly repair: string | undefined;
  constructor(code: ErrorCode | RelayedCode, message: string, repair?: string) {
    super(message);
    this.code = typeof code === 'string' ? code : code.text;
    this.repair = repair;
  }
}
