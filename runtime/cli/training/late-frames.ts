/** `nmc train --schedule async`: the network between the shards of one process, which loses and delays as it is told. */
import type { PlanTraining } from '../../../spec/plan.ts';
import { UserError } from '../../support/errors.ts';
import { emulated, type FrameChooser } from '../../training/free-ticks.ts';
import type { TrainArguments } from './options.ts';

/** What the frames of a training's ticks meet on their way. */
export interface Network {
  /** Ticks. */
  readonly delay: number;
  /** Share of frames that are lost. */
  readonly loss: number;
}

/** Ticks for which a neighbour is done without where frames are lost, unless the bound is named. */
const PATIENCE = 4;

type NetworkArguments = Pick<TrainArguments, 'delay' | 'loss'>;

/** The bound where neither the command nor the model names it: what the network needs. */
export function staleBy({ delay = 0, loss = 0 }: NetworkArguments): number {
  return delay + (loss > 0 ? PATIENCE : 0);
}

/** @throws UserError `deploy/schedule` where frames cannot be late, or are later than the bound lets them be */
export function networkOf(args: NetworkArguments, { async }: PlanTraining): Network | undefined {
  const given = (['delay', 'loss'] as const).find((name) => args[name] !== undefined);
  if (!async) {
    if (given === undefined) return undefined;
    throw new UserError(
      'deploy/schedule',
      `--${given}: frames are late or lost in the schedule async, and in no other`,
      `add --schedule async, or leave out --${given}`,
    );
  }
  const { staleness, late } = async;
  const { delay = staleness, loss = 0 } = args;
  if (delay > staleness && late !== 'absent')
    throw new UserError(
      'deploy/schedule',
      `--delay ${delay}: every frame is older than the ${staleness} ticks of the staleness, so every tick would wait`,
      `--staleness ${delay} or more, or --late absent`,
    );
  return { delay, loss };
}

/** Which frames ticks read: the same for the same seed. */
export function lateFrames(
  { async }: PlanTraining,
  network: Network | undefined,
  seed: number,
): FrameChooser | undefined {
  return async && network && emulated({ ...network, seed }, async.staleness, async.late);
}
