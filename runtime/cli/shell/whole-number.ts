/** Numbers on the command line, refused with the option's name when they are none. */
import { UserError } from '../../support/errors.ts';
import { givenOnce } from './given-once.ts';

export function wholeNumber(
  args: Readonly<Record<string, unknown>>,
  name: string,
  least: number,
  most = 2 ** 31,
): number | undefined {
  const single = givenOnce(args, name);
  if (single === undefined) return undefined;
  const number = numberOf(single);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new UserError(
    'usage/number',
    `--${name} needs a whole number from ${least} to ${most}, not ${String(single)}`,
    `for example --${name} ${Math.max(least, 1)}`,
  );
}

export function decimalNumber(
  args: Readonly<Record<string, unknown>>,
  name: string,
  least: number,
  most: number,
): number | undefined {
  const single = givenOnce(args, name);
  if (single === undefined) return undefined;
  const number = numberOf(single);
  if (number >= least && number <= most) return number;
  throw new UserError(
    'usage/number',
    `--${name} needs a number from ${least} to ${most}, not ${String(single)}`,
    `for example --${name} ${(least + Math.min(most, least + 1)) / 2}`,
  );
}

function numberOf(given: unknown): number {
  if (typeof given === 'number') return given;
  return typeof given === 'string' && given.trim() !== '' ? Number(given) : Number.NaN;
}
