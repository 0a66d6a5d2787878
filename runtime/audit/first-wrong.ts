/** What people are told of a stretch that was not computed as it was signed. Pure. */
import type { FirstWrong } from '../../spec/run-events.ts';

/** Numbers of a frame that are told. */
export const MAX_RIGHT = 4;

/** For people. */
export function firstWrongText({ border, tick, value, call, run, operation, op, of, how, right }: FirstWrong): string {
  const place = of === undefined ? '' : ` of ${of}`;
  const named = `${operation} (${op}${place}) in ${run} of call ${call}`;
  const where = border === undefined ? 'in the state at its end' : `at shard ${border}, tick ${tick}, in ${value}`;
  const numbers = right?.map((n) => Number(n.toPrecision(6))).join(', ');
  return `first ${where}: ${named} ${WORDS[how]}${numbers ? `; right: ${numbers}, …` : ''}`;
}

const WORDS: Readonly<Record<FirstWrong['how'], string>> = {
  zeros: 'gave zeros',
  'left-out': 'was left out',
  unmoved: 'was left out, the weights stayed as they were',
  other: 'or one before it in that run came out otherwise',
};
