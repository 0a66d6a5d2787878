/** Options of the commands that check, write and compile models. */

import { nmc } from '../../support/command-text.ts';
import {
  AHEAD,
  BATCH,
  EPOCHS,
  JSON_LINES,
  LATE_TEXT,
  MICROBATCHES_RANGE,
  MODEL_FILE,
  PRECISION,
  SET,
  SHARDS_RANGE,
  STALENESS_RANGE,
  TASK_NAME,
} from '../shell/common-options.ts';
import { flag, type Given, text, whole, words } from '../shell/options.ts';

export const CHECK = { ...JSON_LINES, ...SET, files: words('model files (.pcn)'), sarif: flag('print SARIF 2.1.0') };
export type CheckArguments = Given<typeof CHECK>;

export const FMT = {
  ...JSON_LINES,
  files: words('model files, or - for standard input'),
  check: flag('change nothing, exit with 1 if anything would change'),
};
export type FmtArguments = Given<typeof FMT>;

export const COMPILE = {
  ...JSON_LINES,
  ...SET,
  ...PRECISION,
  ...EPOCHS,
  ...BATCH,
  ...MODEL_FILE,
  ...TASK_NAME,
  partition: whole('K: cut the model into K shards', SHARDS_RANGE),
  microbatches: whole('K: for --schedule pipelined, with a batch in K parts in flight together', MICROBATCHES_RANGE),
  ...AHEAD,
  schedule: text('with --partition: lockstep, pipelined or async (default: what the model says, or lockstep)'),
  staleness: whole('of async: how many ticks old a neighbour’s values may be', STALENESS_RANGE),
  late: text(LATE_TEXT),
  mesh: text(`file of machines (${nmc`mesh record`}): a shard for each, as large as it is fast`),
  from: text(
    'an older plan: pieces move only if they must, or for a tick a tenth faster; cut anew if its tiles do not fit',
  ),
  out: text('plan folder (default: FILE.plan)', { alias: 'o' }),
};
export type CompileArguments = Given<typeof COMPILE>;
