/** `nmc predict RUN --prompt TEXT`: what a model of characters or tokens goes on with. */
import type { Plan, PlanPrediction } from '../../../spec/plan.ts';
import { LostText } from '../../data/lost-text.ts';
import type { Vocabulary } from '../../data/vocabulary.ts';
import { runPrediction } from '../../shard/evaluate.ts';
import { smallestFor } from '../../shard/sizes.ts';
import { type TextModel, writeText } from '../../shard/write-text.ts';
import type { Run } from '../../store/run-folder.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { printableLines } from '../../support/printable.ts';
import { sizesFor } from '../compiling/sized-functions.ts';
import { EXIT } from '../shell/command.ts';
import { watchInterrupt } from '../shell/watch-interrupt.ts';
import type { PredictArguments } from './options.ts';
import { otherModel } from './other-model.ts';
import { openPredictor, type Predictor, selectPrediction } from './run-predictor.ts';
import { runVocabulary } from './run-vocabulary.ts';

const DEFAULT_TOKENS = 200;
const DEFAULT_TEMPERATURE = 1;
const DEFAULT_SEED = 1;

/** A task that reads a window of text, and gives the scores of the character behind each of it. */
interface TextTask {
  readonly prediction: PlanPrediction;
  /** The only field that it reads. */
  readonly field: string;
  readonly read: string;
  readonly window: number;
  readonly classes: number;
}

export async function predictText(args: PredictArguments, prompt: string): Promise<number> {
  const interrupt = watchInterrupt(() => undefined);
  const { model } = args;
  const predictor = await openPredictor(
    args.run ?? '',
    args.device ?? 'auto',
    (loaded) => sizesFor(loaded, textTask(loaded.plan, args.task).prediction, 1),
    model === undefined ? undefined : (run) => otherModel(run, model),
  );
  try {
    const task = textTask(predictor.plan, args.task);
    const vocabulary = await vocabularyOf(predictor.run, task);
    const ids = idsOf(prompt, vocabulary);
    if (ids.length === 0)
      throw new UserError('predict/prompt', 'the prompt is empty', 'give at least one character to go on from');
    const writing = {
      prompt: ids,
      tokens: args.tokens ?? DEFAULT_TOKENS,
      temperature: args.temperature ?? DEFAULT_TEMPERATURE,
      seed: args.seed ?? DEFAULT_SEED,
    };
    const say = args.json ? () => undefined : (text: string) => process.stdout.write(printableLines(text));
    const read = vocabulary.reader(ids);
    let text = '';
    say(prompt);
    for await (const id of writeText(textModel(predictor, task), writing)) {
      const more = read(id);
      text += more;
      if (args.json) emit({ event: 'token', id, text: more });
      say(more);
      if (interrupt.requested()) return EXIT.interrupted;
    }
    say('\n');
    if (args.json) emit({ event: 'done', ...writing, prompt, text });
    return EXIT.done;
  } finally {
    interrupt.release();
    await predictor.shard.close();
  }
}

function idsOf(prompt: string, vocabulary: Vocabulary): number[] {
  try {
    return vocabulary.idsOf(prompt);
  } catch (error) {
    if (error instanceof LostText)
      throw new UserError('predict/prompt', `of the prompt, ${error.message}`, error.repair);
    throw error;
  }
}

/** The named task, or the first of this kind. */
function textTask(plan: Plan, name: string | undefined): TextTask {
  const asked = name === undefined ? plan.predictions : [selectPrediction(plan, name)];
  const [task] = asked.flatMap(textTasksOf);
  if (task) return task;
  throw new UserError(
    'predict/text',
    `${name ?? plan.model} does not go on with text: no task reads one field of text and gives scores for each character of it`,
    'train on `data.text(…)`, with `read next = …` of shape [window, vocabulary]',
  );
}

function textTasksOf(prediction: PlanPrediction): TextTask[] {
  const [input] = prediction.inputs;
  if (!input || prediction.inputs.length > 1) return [];
  const whole = (shape: readonly number[], steps: number | undefined): readonly number[] =>
    steps === undefined ? shape : [steps, ...shape];
  const [window, ...others] = whole(input.shape, input.steps);
  if (window === undefined || others.length > 0) return [];
  return prediction.reads.flatMap(({ name, shape }) => {
    const [tokens, classes, ...more] = whole(shape, prediction.sequence);
    if (tokens !== window || classes === undefined || more.length > 0) return [];
    return [{ prediction, field: input.name, read: name, window, classes }];
  });
}

async function vocabularyOf(run: Run, { field, classes, prediction }: TextTask): Promise<Vocabulary> {
  const { unit, vocabulary } = await runVocabulary(run, field);
  if (vocabulary.size === classes) return vocabulary;
  throw new UserError(
    'predict/text',
    unit === 'bytes'
      ? `\`${prediction.task}\` gives ${classes} scores, and the run keeps no characters: of bytes there are 256`
      : `\`${prediction.task}\` gives scores for ${classes} ${unit}, and the run keeps ${vocabulary.size}`,
    'train on `data.text(…)`, with as many classes as its vocabulary has',
  );
}

function textModel({ shard }: Predictor, { prediction, field, read, window, classes }: TextTask): TextModel {
  const sized = smallestFor(shard.sizes, prediction, 1);
  return {
    window,
    classes,
    scores: async (text) => {
      const rows = Int32Array.from({ length: window * sized.batch }, (_, i) => text[i % window] ?? 0);
      return (await runPrediction(shard, sized, { [field]: rows }))[read] ?? [];
    },
  };
}
