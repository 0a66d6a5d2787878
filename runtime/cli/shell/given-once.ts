/** Options of one value that are given more than once: which of the values was meant is not guessed. */
import { UserError } from '../../support/errors.ts';

/** @throws UserError where the option was given several different values */
export function givenOnce(args: Readonly<Record<string, unknown>>, name: string): unknown {
  const given = args[name];
  if (!Array.isArray(given)) return given;
  const [first, ...more] = new Set<unknown>(given);
  if (more.length === 0) return first;
  throw new UserError(
    'usage',
    `--${name} is given more than once: ${[first, ...more].map(String).join(', ')}`,
    `say --${name} once`,
  );
}
