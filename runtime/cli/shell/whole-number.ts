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
  const number =
    typeof single === 'number'
      ? single
      : typeof single === 'string' && single.trim() !== ''
        ? Number(single)
        : Number.NaN;
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new UserError(
    'usage/number',
    `--${name} needs a whole number from ${least} to ${most}, not ${String(single)}`,
    `for example --${name} ${Math.max(least, 1)}`,
  );
}
