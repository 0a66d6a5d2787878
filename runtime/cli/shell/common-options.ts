/** Options that several commands have, in the same words. */
import { BORDER_CODECS } from '../../wire/codec.ts';
import { flag, type Given, text, texts, whole, word } from './options.ts';

export const JSON_LINES = { json: flag('print JSON on standard output, nothing else') };
export type WithJson = Given<typeof JSON_LINES>;

export const DATA = { data: text('folder that holds mnist/, fashion-mnist/, cifar-10/ (default: $NMC_DATA)') };

export const SET = { set: texts('name=value: a parameter of the model', { array: true, nargs: 1 }) };

export const DEVICE = { device: text('auto (default), cpu, webgpu or reference') };

export const PRECISION = {
  precision: text(
    'on webgpu: f32 (default); f16-weights: products read weights in half precision; f16: they multiply in it, where the GPU does; sums and steps are in f32',
  ),
};

export const MODEL_FILE = { file: word('model file (.pcn)') };
export const TASK_NAME = { task: word('name of a train block') };
export const RUN_FOLDER = { run: word('run folder') };

/** Codecs of borders. */
export const BORDERS_WORDS = BORDER_CODECS.join(', ');

/** Of a machine's whole shards. */
export const SHARDS_RANGE = { least: 1, most: 1_000_000 };
export const AHEAD_RANGE = { least: 0, most: 1 };
/** Ticks; the model's own may be as many. */
export const LATE_TEXT = 'of async: wait for a neighbour that does not answer, or count it as absent (default: wait)';
export const STALENESS_RANGE = { least: 0, most: 1000 };
/** As many as a plan may have; the compiler says the same. */
export const MICROBATCHES_RANGE = { least: 1, most: 16 };

export const EPOCHS = { epochs: whole('epochs, and the horizon of the schedules', { least: 1 }) };
export const BATCH = { batch: whole('samples per batch', { least: 1, most: 1_000_000 }) };
export const SEED = {
  seed: whole('seed of weights and of the order of samples', { least: 0, most: Number.MAX_SAFE_INTEGER }),
};
export const LIMIT_OF_SETS = { limit: whole('use at most this many samples of every data set', { least: 1 }) };
export const LIMIT = { limit: whole('at most this many samples', { least: 1 }) };

export const AHEAD = {
  ahead: whole('1: with --microbatches, a batch begins on predicted weights while the one before it ends', AHEAD_RANGE),
};

export const EXPLAIN = { ...JSON_LINES, code: word('as a message names it') };
export type ExplainArguments = Given<typeof EXPLAIN>;
