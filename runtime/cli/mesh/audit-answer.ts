/** `nmc audit RUN --answer FILE`: whether answers of a server come from the weights that it has named, and whether these are the newest. */
import { existsSync } from 'node:fs';
import { answerTo } from '../../serve/answer.ts';
import type { Loaded } from '../../serve/predictor.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { parsedJson } from '../../support/parsed-json.ts';
import { printed } from '../../support/printable.ts';
import { answerHolds } from '../../wire/signed-answer.ts';
import { allSizes, prepareSizes } from '../compiling/sized-functions.ts';
import { EXIT } from '../shell/command.ts';
import { openPredictor } from '../training/run-predictor.ts';
import { storedClasses } from '../training/training-data.ts';
import { compared, type Difference } from './compare-answers.ts';
import type { AuditArguments } from './options.ts';
import { amongSnapshots } from './serve-mesh.ts';
import { answersIn, type SignedAnswer } from './signed-answers.ts';

/**
 * `match`: what these weights give, to the bit or (`near`) within what devices differ by. `stale`: so, of weights that are
 * not the newest any more. `weights`: of none that the run keeps. `forged`: the server has not signed it. `mismatch`: these
 * weights give something else.
 */
type Verdict = 'match' | 'near' | 'stale' | 'weights' | 'forged' | 'mismatch';

interface Found {
  readonly verdict: Verdict;
  readonly difference?: Difference;
  /** Of a stale answer: the snapshot that it is from. */
  readonly version?: string;
}

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
    if (!answerHolds(answer.word, bytesOf(answer))) found[i] = { verdict: 'forged' };
  });
  const compareAll = async (loaded: Loaded, isNewest: boolean): Promise<true | undefined> => {
    for (const [i, answer] of answers.entries())
      if (!found[i] && answer.word.weights === loaded.weights) found[i] = await again(loaded, answer, isNewest);
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

async function again(loaded: Loaded, answer: SignedAnswer, isNewest: boolean): Promise<Found> {
  const { task } = answer.word;
  const own = await answerTo(loaded, task, bytesOf(answer).request);
  const difference = own.body === answer.answer ? undefined : compared(parsedJson(answer.answer), parsedJson(own.body));
  if (difference && !difference.isNear) return { verdict: 'mismatch', difference };
  if (!isNewest) return { verdict: 'stale', version: loaded.version };
  return difference ? { verdict: 'near', difference } : { verdict: 'match' };
}

function bytesOf({ request, answer }: SignedAnswer): { readonly request: Uint8Array; readonly answer: Uint8Array } {
  return { request: Buffer.from(request), answer: Buffer.from(answer) };
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
