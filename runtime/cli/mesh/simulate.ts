/** `nmc simulate`: the state machines of the mesh on a virtual network, for a plan's shards; recorded, and again. */
import { readFileSync } from 'node:fs';
import { RECORDED_PIECE } from '../../net/recording-shapes.ts';
import { type RecordedPiece, Recording } from '../../roles/recording.ts';
import { churnOf, type Faults } from '../../simulation/faults.ts';
import { SeedTally, type Told } from '../../simulation/seed-tally.ts';
import {
  type SimulatedEnd,
  type SimulationOptions,
  type SimulationResult,
  simulate,
} from '../../simulation/simulation.ts';
import type { Served } from '../../simulation/virtual-predictor.ts';
import { writeFileAtomic } from '../../support/atomic.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { printableLines } from '../../support/printable.ts';
import { ownPath } from '../../support/safe-path.ts';
import { follows, shapeProblem } from '../../support/shape.ts';
import { openPlan } from '../planning/open-plan.ts';
import { EXIT } from '../shell/command.ts';
import { trainingOf } from '../training/train-settings.ts';
import type { SimulateArguments } from './options.ts';
import { replayRun } from './replay-run.ts';
import { type SimulatedPlan, virtualRun } from './simulated-plan.ts';

const CALM: Faults = { latency: 20, jitter: 10, loss: 0 };
const NUMBERS = ['latency', 'jitter', 'loss', 'lives', 'away', 'synchronizerLives'] as const;
const RUN = 'simulated';
const SECOND = 1000;
const HOUR = 3600 * SECOND;
const MEGABYTE = 1e6;

const seconds = (milliseconds: number): string => `${(milliseconds / SECOND).toFixed(1)} s`;

export default async function (args: SimulateArguments): Promise<number> {
  if (args.rates) return (await import('./simulate-rates.ts')).simulateRates(args);
  const recorded = args.replay;
  if (recorded !== undefined) return replayRun(readRecording(recorded), RUN, args.json);
  assertOfOneKind(args);
  const recordTo = args.record;
  const recording = recordTo === undefined ? undefined : new Recording();
  const opened = openPlan(planOf(args));
  const nodes = args.nodes ?? opened.plan.shards.length;
  const first = args.seed ?? 1;
  const tally = new SeedTally();
  for (let seed = first; seed < first + (args.seeds ?? 1); seed++) {
    const result = simulate({
      ...optionsOf(args, opened, seed),
      nodes,
      ...(recording ? { note: (...noted) => recording.note(...noted) } : {}),
    });
    const isSound = tally.add(seed, result, args.seconds === undefined);
    if (args.json) emit({ event: 'simulated', seed, nodes, ...result });
    else if (args.seeds === undefined) process.stdout.write(printableLines(resultText(seed, result)));
    else process.stdout.write(printableLines(lineOf(seed, result, isSound)));
  }
  if (recording && recordTo !== undefined) writeRecording(recordTo, recording);
  if (args.seeds !== undefined) {
    if (args.json) emit({ event: 'seeds', ...tally.told });
    else process.stdout.write(printableLines(tallyText(tally.told)));
  }
  return tally.told.broken === 0 ? EXIT.done : EXIT.checkFailed;
}

function assertOfOneKind({ record, seeds, churn, faults }: SimulateArguments): void {
  if (record !== undefined && seeds !== undefined)
    throw new UserError('usage', '--record keeps one simulation, and --seeds makes several', 'name one with --seed');
  if (churn && faults !== undefined)
    throw new UserError('usage', '--churn draws the faults, and --faults names them', 'leave one of them out');
}

function optionsOf(args: SimulateArguments, opened: SimulatedPlan, seed: number): Omit<SimulationOptions, 'nodes'> {
  const training = trainingOf(opened.plan);
  if (training.async?.late)
    throw new UserError(
      'simulate/late',
      'shards of this plan do without neighbours that do not answer, which is not simulated without numbers',
      `to simulate it with neighbours that are waited for: ${nmc`compile FILE --partition K --schedule async --late wait -o PLAN`}`,
    );
  const batches = args.batches ?? 100;
  const runs = Array.from({ length: args.runs ?? 1 }, (_, i) => ({
    ...virtualRun(opened, training, {
      ...{ run: i === 0 ? RUN : `${RUN}-${i + 1}`, batches, seed: seed + i },
      epochs: args.epochs ?? training.epochs,
      snapshotEvery: args['snapshot-every'] ?? Math.max(1, Math.floor(batches / 4)),
    }),
    at: i * SECOND,
  }));
  const [own, ...beside] = runs as [(typeof runs)[number], ...typeof runs];
  const { requests, 'max-memory': lent } = args;
  return {
    ...{ ...own, beside, seed, until: args.seconds === undefined ? HOUR : args.seconds * SECOND },
    faults: args.churn ? churnOf(seed) : faultsOf(args.faults),
    ...(requests === undefined ? {} : { requests }),
    ...(lent === undefined ? {} : { memory: () => lent * MEGABYTE }),
  };
}

function writeRecording(path: string, recording: Recording): void {
  const lines = recording.take().map((piece) => JSON.stringify(piece));
  writeFileAtomic(ownPath(path), `${lines.join('\n')}\n`);
}

function resultText(seed: number, result: SimulationResult): string {
  const { phase, time, epochs, kills, longestWithoutOwner, violations, trace, events, served } = result;
  const ends = result.runs.length > 1 ? runsText(result.runs) : '';
  const held = violations.length === 0 ? 'never two owners of a shard, and no trainer over its memory' : '';
  return `seed ${seed}: ${phase} after ${seconds(time)} of virtual time, ${events} events (trace ${trace})\n${ends}${kills} kills, ${epochs} epochs of owners, a shard without an owner for ${seconds(longestWithoutOwner)} at most\n${served ? servedText(served) : ''}${held || violations.join('\n')}\n`;
}

/** Of one seed of many. */
function lineOf(seed: number, result: SimulationResult, isSound: boolean): string {
  const { phase, time, kills, epochs, longestWithoutOwner, violations } = result;
  const line = `seed ${seed}: ${phase} after ${seconds(time)}, ${kills} kills, ${epochs} epochs of owners, without an owner for ${seconds(longestWithoutOwner)} at most${isSound ? '' : ': BROKEN'}`;
  return `${[line, ...violations].join('\n')}\n`;
}

function tallyText({ seeds, broken, longestWithoutOwner, longestOf, kills }: Told): string {
  return `${seeds} seeds, ${kills} kills: ${broken} broken; a shard without an owner for ${seconds(longestWithoutOwner)} at most (seed ${longestOf})\n`;
}

function runsText(runs: readonly SimulatedEnd[]): string {
  return runs.map(({ run, phase, time }) => `${run}: ${phase} after ${seconds(time)}\n`).join('');
}

function servedText({ asked, answered, refused, reloads, longest }: Served): string {
  const refusals = Object.entries(refused).map(([reason, count]) => `${count} refused: ${reason}`);
  return `${asked} requests, ${[`${answered} answered`, ...refusals].join(', ')}; ${reloads} reloads; ${seconds(longest)} for one at most\n`;
}

function planOf(args: SimulateArguments): string {
  const plan = args.plan;
  if (plan !== undefined) return plan;
  throw new UserError('usage', 'name a plan', `--replay FILE, or ${nmc`simulate PLAN`}`);
}

function readRecording(path: string): RecordedPiece[] {
  const unlike = (why: string): UserError =>
    new UserError(
      'simulate/recording',
      `${path} is not a recording: ${why}`,
      `to make one: ${nmc`simulate PLAN --record FILE`}`,
    );
  let values: readonly unknown[];
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    values = lines.filter((line) => line !== '').map((line): unknown => JSON.parse(line));
  } catch (error) {
    throw unlike(error instanceof Error ? error.message : '');
  }
  return values.map((piece, i) => {
    if (follows(RECORDED_PIECE, piece)) return piece;
    throw unlike(`piece ${i + 1}: ${shapeProblem(RECORDED_PIECE, piece)}`);
  });
}

function faultsOf(path: string | undefined): Faults {
  if (path === undefined) return CALM;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(
      'simulate/faults',
      `${path} cannot be read as JSON: ${error instanceof Error ? error.message : ''}`,
    );
  }
  const given = typeof value === 'object' && value !== null ? value : {};
  for (const [name, number] of Object.entries(given))
    if (!NUMBERS.some((n) => n === name) || typeof number !== 'number' || !(number >= 0))
      throw new UserError(
        'simulate/faults',
        `${path}: ${name} is not a fault with a number`,
        `there are: ${NUMBERS.join(', ')}`,
      );
  return { ...CALM, ...given };
}
