/** `nmc simulate FILE --rates`: how fast a model trains in shards on machines that need not exist. */
import { evenMicrobatches } from '../../../compiler/5-program/pipeline.ts';
import { cutModel } from '../../../compiler/6-partition/cut-model.ts';
import { uniformMachines } from '../../../compiler/6-partition/problem.ts';
import { ASSUMED_RATE } from '../../../compiler/6-partition/scheduled-machines.ts';
import { DEFAULT_MACHINE } from '../../../spec/default-machine.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { printed } from '../../support/printable.ts';
import {
  buildStagesFor,
  checkModel,
  cutOf,
  fileArgument,
  requireTask,
  selectTask,
} from '../compiling/compile-model.ts';
import { assertPipelined, chooseDivision } from '../compiling/microbatches.ts';
import { batchTime } from '../planning/cut-time.ts';
import { predictRate, type RatedTrainer } from '../planning/predict-rate.ts';
import { rated } from '../planning/rated-shard.ts';
import { EXIT } from '../shell/command.ts';
import type { SimulateArguments } from './options.ts';

const GIGA = 1e9;

/** A row for lockstep and for every number of microbatches; the one that `nmc deploy` would take is marked. */
export function simulateRates(args: SimulateArguments): number {
  const path = fileArgument(args.plan);
  const selected = requireTask(selectTask(checkModel(path, {}), args.task, args), path);
  const { shards } = cutOf(args.partition);
  if (shards < 2) throw new UserError('simulate/shards', 'one shard has no borders', 'add --partition K');
  const trainers = virtualTrainers(shards, args);
  const whole = { ...buildStagesFor(shards, selected), task: selected.task };
  const given = args.microbatches;
  const ahead = args.ahead ?? 0;
  assertPipelined(whole, given === undefined ? {} : { microbatches: { value: given, by: '--microbatches' } });
  const chosen = chooseDivision(whole, shards, trainers, 'f32', ahead);
  const { batch } = selected.task;
  const json = args.json;
  if (!json)
    process.stdout.write(
      `${whole.graph.name} ${selected.task.name} in ${shards} shards, batch ${batch}${chosen.wholeNodes ? ', nodes left whole' : ''}${ahead > 0 ? ', where pipelined the next batch begun on predicted weights' : ''}\n`,
    );
  for (const microbatches of given === undefined ? evenMicrobatches(batch) : [given]) {
    const begun = microbatches > 1 ? ahead : 0;
    const staged = { ...buildStagesFor(shards, selected, microbatches), wholeNodes: chosen.wholeNodes, ahead: begun };
    const cut = cutModel(staged, uniformMachines(shards, { rate: ASSUMED_RATE }), { batchTime });
    if (cut.kind === 'impossible') throw new UserError('partition/impossible', cut.reason, cut.repair);
    const owners = trainers.map((t) => t.key);
    const found = predictRate(cut.split.map(rated), owners, trainers);
    if (!found) continue;
    const row = {
      schedule: microbatches > 1 ? 'pipelined' : 'lockstep',
      microbatches,
      ahead: begun,
      samplesPerSecond: found.batchesPerSecond * batch,
      busy: found.busy.reduce((sum, b) => sum + b, 0) / found.busy.length,
      busiest: Math.max(...found.busy),
      limit: found.limit,
      chosen: microbatches === chosen.microbatches,
    };
    if (json) emit({ event: 'rate', shards, ...row, busyByShard: found.busy });
    else
      process.stdout.write(
        `  ${row.schedule.padEnd(9)} ${String(microbatches).padStart(2)}  ${row.samplesPerSecond.toFixed(1).padStart(9)} samples/s  busy ${percent(row.busy)}, busiest ${percent(row.busiest)}  ${row.limit}${row.chosen ? printed`  <- ${nmc`deploy`} takes this` : ''}\n`,
      );
  }
  return EXIT.done;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Each a machine of its own: one core of so many FLOP/s where that is asked for, else the default machine. */
function virtualTrainers(count: number, args: SimulateArguments): RatedTrainer[] {
  const { cores, rate, costs } = DEFAULT_MACHINE;
  const reached = args.gflops === undefined ? { cores, rate, costs } : { cores: 1, rate: args.gflops * GIGA };
  const roundTrip = (args['round-trip'] ?? 0) / 2;
  return Array.from({ length: count }, (_, i) => {
    const name = `machine-${i}`;
    const links = { upload: 0, download: 0, roundTrip };
    return { key: name, name, capability: { ...reached, memory: Number.MAX_SAFE_INTEGER, machine: name, ...links } };
  });
}
