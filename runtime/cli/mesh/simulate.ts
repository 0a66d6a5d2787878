/** `nmc simulate`: the state machines of the mesh on a virtual network, for a plan's shards; recorded, and again. */
import { readFileSync } from 'node:fs';
import { RECORDED_PIECE } from '../../net/recording-shapes.ts';
import { type RecordedPiece, Recording } from '../../roles/recording.ts';
import type { Faults } from '../../simulation/faults.ts';
import { type SimulatedEnd, simulate } from '../../simulation/simulation.ts';
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
import { neighboursIn, simulatedDeployment } from './simulated-plan.ts';

const CALM: Faults = { latency: 20, jitter: 10, loss: 0 };
const NUMBERS = ['latency', 'jitter', 'loss', 'lives', 'away', 'synchronizerLives'] as const;
const RUN = 'simulated';
const SECOND = 1000;
const HOUR = 3600 * SECOND;
const MEGABYTE = 1e6;
/** Of a call, by default. */
const CALL_MILLISECONDS = 20;

export default async function (args: SimulateArguments): Promise<number> {
  if (args.rates) return (await import('./simulate-rates.ts')).simulateRates(args);
  const recorded = args.replay;
  if (recorded !== undefined) return replayRun(readRecording(recorded), RUN, args.json);
  const recordTo = args.record;
  const recording = recordTo === undefined ? undefined : new Recording();
  const { plan } = openPlan(planOf(args));
  const training = trainingOf(plan);
  const seed = args.seed ?? 1;
  const nodes = args.nodes ?? plan.shards.length;
  const batches = args.batches ?? 100;
  const requests = args.requests;
  const lent = args['max-memory'];
  const runs = Array.from({ length: args.runs ?? 1 }, (_, i) => ({
    ...{ borders: neighboursIn(plan), call: CALL_MILLISECONDS, ticks: training.ticks ?? 1, at: i * SECOND },
    deployment: simulatedDeployment(plan, training, {
      ...{ run: i === 0 ? RUN : `${RUN}-${i + 1}`, batches, seed: seed + i },
      epochs: args.epochs ?? training.epochs,
      snapshotEvery: args['snapshot-every'] ?? Math.max(1, Math.floor(batches / 4)),
    }),
  }));
  const [first, ...beside] = runs as [(typeof runs)[number], ...typeof runs];
  const result = simulate({
    ...{ ...first, beside, nodes, seed, faults: faultsOf(args.faults), until: HOUR },
    ...(requests === undefined ? {} : { requests }),
    ...(lent === undefined ? {} : { memory: () => lent * MEGABYTE }),
    ...(recording ? { note: (...noted) => recording.note(...noted) } : {}),
  });
  if (recording && recordTo !== undefined)
    writeFileAtomic(
      ownPath(recordTo),
      `${recording
        .take()
        .map((piece) => JSON.stringify(piece))
        .join('\n')}\n`,
    );
  if (args.json) emit({ event: 'simulated', seed, nodes, ...result });
  else {
    const { phase, time, epochs, kills, longestWithoutOwner, violations, trace, events, served } = result;
    process.stdout.write(
      printableLines(
        `seed ${seed}: ${phase} after ${(time / 1000).toFixed(1)} s of virtual time, ${events} events (trace ${trace})\n${beside.length > 0 ? runsText(result.runs) : ''}${kills} kills, ${epochs} epochs of owners, a shard without an owner for ${(longestWithoutOwner / 1000).toFixed(1)} s at most\n${served ? servedText(served) : ''}${violations.length === 0 ? 'never two owners of a shard, and no trainer over its memory' : violations.join('\n')}\n`,
      ),
    );
  }
  return result.runs.every(({ phase }) => phase === 'done') && result.violations.length === 0
    ? EXIT.done
    : EXIT.checkFailed;
}

function runsText(runs: readonly SimulatedEnd[]): string {
  return runs.map(({ run, phase, time }) => `${run}: ${phase} after ${(time / 1000).toFixed(1)} s\n`).join('');
}

function servedText({ asked, answered, refused, reloads, longest }: Served): string {
  const refusals = Object.entries(refused).map(([reason, count]) => `${count} refused: ${reason}`);
  return `${asked} requests, ${[`${answered} answered`, ...refusals].join(', ')}; ${reloads} reloads; ${(longest / 1000).toFixed(1)} s for one at most\n`;
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
