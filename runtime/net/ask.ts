/** Questions to a mesh, and their answers, which are checked against the form that the question asks for. */
import { EnvironmentError } from '../support/errors.ts';
import { follows, type Shape, shapeProblem } from '../support/shape.ts';
import type { Question } from '../wire/messages.ts';
import { ANSWERS, type AnswerOf, type Answers } from './answers.ts';
import type { Link } from './link.ts';

type What = Question['what'];

/** Questions whose answers have a form to check. */
const NAMES: Readonly<Partial<Record<What, string>>> = {
  status: 'the status of a mesh',
  logs: 'the log of a run',
  events: 'the recording of a run',
  run: 'the record of a run',
  ledger: 'the ledger of a mesh',
};

/** @throws EnvironmentError `mesh/answer` where that is not an answer to the question; as `Link.ask` does */
export async function ask<Asked extends Question>(link: Pick<Link, 'ask'>, question: Asked): Promise<AnswerOf<Asked>> {
  const what: Asked['what'] = question.what;
  return readAnswer(what, await link.ask(question));
}

function readAnswer<W extends What>(what: W, answer: unknown): Answers[W] {
  const shapes: { readonly [Each in What]: Shape<Answers[Each]> } = ANSWERS;
  const shape: Shape<Answers[W]> = shapes[what];
  if (follows(shape, answer)) return answer;
  throw unlike(`${NAMES[what] ?? `what ${what} is answered with`}: ${shapeProblem(shape, answer)}`);
}

export function unlike(expectation: string): EnvironmentError {
  return new EnvironmentError('mesh/answer', `the answer is not ${expectation}`, 'check the address of the mesh');
}
