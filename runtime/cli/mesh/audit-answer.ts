/** `nmc audit RUN --answer FILE`: whether answers of a server come from the weights that it has named, and whether these are the newest. */
import { existsSync } from 'node:fs';
import type { Loaded } from '../../serve/predictor.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { printed } from '../../support/printable.ts';
import { allSizes, prepareSizes } from '../compiling/sized-functions.ts';
import { EXIT } from '../shell/command.ts';
import { openPredictor } from '../training/run-predictor.ts';
import { storedClasses } from '../training/training-data.ts';
import { type Found, isSigned, type Verdict, verdictOf } from './answer-verdict.ts';
import type { AuditArguments } from './options.ts';
import { amongSnapshots } from './serve-mesh.ts';
import { answersIn, type SignedAnswer } from './signed-answers.ts';

export async function auditAnswers(args: AuditArguments, file: string): Promise<number> {
  if (args.shard !== undefined)
    throw new UserError(
      'usage',
      '--answer is of a whole run, and takes no shard',
      `for example ${nmc`audit RUN --answer FILE`}`,
    );
  const answers: SignedAnswer[] = [];
  for await (const answer of answersIn(file)) answers.push(answer);
  if (answers.length === 0) throw new UserError('answer/format', `${file} holds no answer`);
  const found = await verdictsOf(args, answers);
  for (const [i, answer] of answers.entries()) tell(args, i + 1, answer, found[i] ?? { verdict: 'weights' });
  return found.every(({ verdict }) => verdict === 'match' || verdict === 'near') ? EXIT.done : EXIT.checkFailed;
}

async function verdictsOf(args: AuditArguments, answers: readonly SignedAnswer[]): Promise<readonly Found[]> {
  const found: Found[] = [];
  answers.forEach((answer, i) => {
    if (!isSigned(answer)) found[i] = { verdict: 'forged' };
  });
  const compareAll = async (loaded: Loaded, isNewest: boolean): Promise<true | undefined> => {
    for (const [i, answer] of answers.entries())
      if (!found[i] && answer.word.weights === loaded.weights) found[i] = await verdictOf(loaded, answer, isNewest);
    return answers.every((_, i) => found[i]) ? true : undefined;
  };
  const run = args.run ?? '';
  if (existsSync(run)) await inFolder(run, compareAll);
  else await amongSnapshots(args, run, compareAll);
  return answers.map((_, i) => found[i] ?? { verdict: 'weights' });
}

async function inFolder(folder: string, use: (loaded: Loaded, isNewest: boolean) => Promise<unknown>): Promise<void> {
  const { run, ...opened } = await openPredictor(folder, 'auto', allSizes, undefined, true);
  try {
    prepareSizes(opened.shard);
    const classes = storedClasses(run.config);
    await use({ version: folder, ...opened, ...(classes ? { classes } : {}) }, true);
  } finally {
    await opened.shard.close();
  }
}

function tell(
  args: AuditArguments,
  line: number,
  { word }: SignedAnswer,
  { verdict, difference, version }: Found,
): void {
  const { by, weights, at } = word;
  if (args.json) {
    const more = { ...(difference ? { difference } : {}), ...(version === undefined ? {} : { snapshot: version }) };
    emit({ event: 'answer', line, verdict, by, weights, at: new Date(at).toISOString(), ...more });
    return;
  }
  process.stdout.write(printed`${line}  ${wordsFor(verdict, version)}\n`);
  if (difference)
    process.stdout.write(printed`   ${difference.place}: ${difference.told}, and not ${difference.own}\n`);
  process.stdout.write(printed`   signed by ${by} at ${new Date(at).toISOString()}, of weights ${weights}\n`);
}

function wordsFor(verdict: Verdict, version: string | undefined): string {
  switch (verdict) {
    case 'match':
      return 'the newest weights give this answer, to the bit';
    case 'near':
      return 'the newest weights give this answer, within what devices differ by';
    case 'stale':
      return `stale: these are the weights behind call ${version ?? '?'}, and newer ones are there`;
    case 'weights':
      return 'other weights: the run keeps none with this hash';
    case 'forged':
      return 'not signed: the server has not signed this request with this answer';
    case 'mismatch':
      return 'wrong: the weights that the server has named give another answer';
  }
}
