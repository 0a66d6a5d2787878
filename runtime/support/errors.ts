/** Failures that a person can repair, kept apart from bugs. Caught once, at the top of the command line. */

/** The user's input is wrong: exit code 2. */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly code: string;
  readonly repair: string | undefined;
  /** @param code stable, `topic/name`; @param repair what to do instead, in one sentence */
  constructor(code: string, message: string, repair?: string) {
    super(message);
    this.code = code;
    this.repair = repair;
  }
}

/** The machine failed (no device, disk full, no network): exit code 3. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
  readonly code: string;
  readonly repair: string | undefined;
  constructor(code: string, message: string, repair?: string) {
    super(message);
    this.code = code;
    this.repair = repair;
  }
}
