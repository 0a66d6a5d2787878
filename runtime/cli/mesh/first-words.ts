/** First words of a synchronizer to the command that has started it: where it listens, or why it does not. */

import { EnvironmentError } from '../../support/errors.ts';
import { parsedJson } from '../../support/parsed-json.ts';
import { follows, object, oneOf, shapeProblem, type TypeOf, text } from '../../support/shape.ts';

const ANNOUNCED = object({ address: text, key: text, invite: text });
const REFUSED = object({ event: oneOf('error'), code: text, message: text });

export type Announced = TypeOf<typeof ANNOUNCED>;

/** @throws EnvironmentError `mesh/synchronizer` where it is neither */
export function firstWords(line: string): Announced | TypeOf<typeof REFUSED> {
  const said = parsedJson(line);
  if (follows(REFUSED, said) || follows(ANNOUNCED, said)) return said;
  throw new EnvironmentError(
    'mesh/synchronizer',
    `the synchronizer has not said where it listens: ${shapeProblem(ANNOUNCED, said)}`,
  );
}
