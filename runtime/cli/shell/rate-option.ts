/** `--max-upload RATE`: a rate with its unit, refused with examples of what is one. */
import { UserError } from '../../support/errors.ts';
import { parseRate, RATE_EXAMPLES } from '../../support/parse-rate.ts';
import { type Option, text } from './options.ts';

/** In bytes a second. */
export function rate(describe: string): Option<number | undefined> {
  const given = text(`${describe} (${RATE_EXAMPLES})`);
  return {
    add: given.add,
    read: (args, name) => {
      const said = given.read(args, name);
      if (said === undefined) return undefined;
      const bytes = parseRate(said);
      if (bytes !== undefined) return bytes;
      throw new UserError(
        'usage/rate',
        `--${name} needs a rate of at least 1 kB/s, not ${said}`,
        `for example --${name} 20Mbit (${RATE_EXAMPLES})`,
      );
    },
  };
}
