/** The refusals of plans. */
import { UserError } from '../support/errors.ts';
import { shownPath } from '../support/path-names.ts';

/** @param name of the plan, as its source has it */
export function broken(name: string, what: string): UserError {
  return new UserError('plan/format', `${name} is not a sound plan: ${what}`, 'compile the model again');
}

export function outside(name: string, path: string, problem: string): UserError {
  return new UserError(
    'plan/path',
    `${name}: the plan names a file that may not lie in its folder: ${shownPath(path)}: ${problem}`,
    'do not run this plan',
  );
}
