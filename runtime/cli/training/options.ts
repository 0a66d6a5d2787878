/** Options of the commands that train, use and serve a model. */

import { nmc } from '../../support/command-text.ts';
import {
  AHEAD,
  BATCH,
  BORDERS_WORDS,
  DATA,
  DEVICE,
  JSON_LINES,
  LATE_TEXT,
  LIMIT,
  LIMIT_OF_SETS,
  MICROBATCHES_RANGE,
  MODEL_FILE,
  PRECISION,
  RUN_FOLDER,
  SEED,
  SET,
  SHARDS_RANGE,
  STALENESS_RANGE,
  TASK_NAME,
} from '../shell/common-options.ts';
import {
  anyText,
  choice,
  decimal,
  flag,
  type Given,
  needed,
  text,
  texts,
  whole,
  wholeOrMore,
  word,
} from '../shell/options.ts';

export const TRAIN = {
  epochs: wholeOrMore('epochs, and the horizon of the schedules; with --resume, +N trains N more', { least: 1 }),
  ...BATCH,
  ...SEED,
  ...LIMIT_OF_SETS,
  ...DEVICE,
  ...PRECISION,
  ...SET,
  ...DATA,
  ...JSON_LINES,
  ...MODEL_FILE,
  ...TASK_NAME,
  out: text('run folder (default: runs/MODEL-DATE-N)'),
  resume: text('continue this run with its own settings'),
  probe: flag('before training, warn where the rate is too large for the energy’s curvature'),
  weights: text('start from the weights of this run'),
  shards: whole('K: cut into K shards, run in lockstep here', SHARDS_RANGE),
  schedule: text(
    'with --shards: lockstep (default), pipelined, or async: ticks read what neighbours sent some ticks ago',
  ),
  staleness: whole('of async: how many ticks ago at most; a shard waits for what is older', STALENESS_RANGE),
  late: text(LATE_TEXT),
  delay: whole('of async: as if frames took so many ticks (default: --staleness)', STALENESS_RANGE),
  loss: decimal('of async: and loses this share of them, other ones for another --seed', { least: 0, most: 0.9 }),
  microbatches: whole(
    'with --shards: every batch in so many parts, in flight together as on a mesh',
    MICROBATCHES_RANGE,
  ),
  ...AHEAD,
  borders: text(`with --shards: numbers between shards lose what they lose on a mesh: ${BORDERS_WORDS}`),
};
export type TrainArguments = Given<typeof TRAIN>;

const OTHER_FILE = {
  model: text('file with the same model and other tasks, to use instead of the run’s own'),
};
const PREDICT_TASK = { task: text('which predict block (default: the first)') };

export const PREDICT = {
  ...JSON_LINES,
  ...DATA,
  ...DEVICE,
  ...PREDICT_TASK,
  ...LIMIT,
  ...OTHER_FILE,
  run: word(`run folder, or the address of ${nmc`serve`}: http://HOST:PORT`),
  ca: text('of a server: certificate (PEM) to trust, its own or of its authority'),
  'token-file': text('of a server that asks for a token: file with it (default: $NMC_TOKEN)'),
  pay: text(`of a server: channel that pays it, as ${nmc`ledger open`} has named it`),
  answers: text(`of a server that signs: file to add its answers to, for ${nmc`audit RUN --answer FILE`}`),
  max: whole('with --pay: tokens that may be spent at most', { least: 1 }),
  input: text('IDX, NPY, NPZ, CSV, Parquet, text, PNG, a folder of PNGs, or - for JSON lines'),
  png: text("write a picture of the data of the task's check beside the reads"),
  prompt: anyText('a text to go on from, of a model of characters or tokens'),
  tokens: whole('with --prompt: characters or tokens to write (default: 200)', { least: 1, most: 1_000_000 }),
  temperature: decimal('with --prompt: 0 takes the likeliest one, 1 (default) draws as the model says', {
    least: 0,
    most: 100,
  }),
  seed: whole('with --prompt: of the draws (default: 1)', { least: 0, most: Number.MAX_SAFE_INTEGER }),
};
export type PredictArguments = Given<typeof PREDICT>;

export const EVAL = {
  ...JSON_LINES,
  ...DATA,
  ...DEVICE,
  ...LIMIT,
  ...OTHER_FILE,
  ...RUN_FOLDER,
  report: text('folder to write what is read as what into: a page, a table, a picture, figures of each class'),
};
export type EvalArguments = Given<typeof EVAL>;

export const EXPORT = {
  ...JSON_LINES,
  ...PREDICT_TASK,
  ...OTHER_FILE,
  ...RUN_FOLDER,
  onnx: needed('file to write'),
  batch: whole('samples of one call (default: any number, where the model allows it)', {
    least: 1,
    most: 1 << 16,
  }),
};
export type ExportArguments = Given<typeof EXPORT>;

export const SERVE = {
  ...JSON_LINES,
  ...DEVICE,
  ...OTHER_FILE,
  port: whole('port to listen on, 0 for any (default: that of --listen, or 8080)', { least: 0, most: 65_535 }),
  run: text('run folder; it may still be trained'),
  mesh: text('a mesh: serves its newest run, or --run RUN'),
  fingerprint: text('key of the mesh; remembered'),
  ca: text('certificate (PEM) to trust, of the mesh or of its authority; remembered'),
  insecure: flag('allow unencrypted connections from other machines'),
  listen: text('HOST or HOST:PORT to listen on (default: 127.0.0.1)'),
  cert: text('certificate (PEM), for https'),
  'cert-key': text('its private key (PEM)'),
  host: texts('a name of this machine; may be given several times'),
  tokens: text(`file of ${nmc`keys token new`}: every request then needs a token`),
  sign: flag('answers come with a word of this user’s key: which weights they are from; always where they are paid'),
  price: whole('tokens for the prediction of one sample, paid by vouchers', { least: 1, most: 1_000_000_000 }),
  ledger: text('of --price: mesh whose ledger counts the tokens (default: that of --mesh)'),
  'redeem-at': whole('of --price: tokens of one payer that are redeemed together (default: 100)', { least: 1 }),
};
export type ServeArguments = Given<typeof SERVE>;

export const NEW = {
  ...JSON_LINES,
  data: word('CSV, Parquet, JSON lines, NPZ, or a folder with a sub-folder of PNGs for each class'),
  target: text('the column to predict; without it the only one of words, or one called label, class, target, …'),
  out: text('model file (default: NAME.pcn, in this folder)', { alias: 'o' }),
};
export type NewArguments = Given<typeof NEW>;

export const DATA_SETS = {
  ...JSON_LINES,
  ...DATA,
  action: choice(['list', 'get'], 'list, or get NAME'),
  name: word(`as ${nmc`data list`} names it`),
};
export type DataArguments = Given<typeof DATA_SETS>;
