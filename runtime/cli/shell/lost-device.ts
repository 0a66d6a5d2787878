/** A GPU that fails under a training: what is saved stays, and the processor goes on from there. */
import type { TrainingRun } from '../../store/run-folder.ts';
import { nmc } from '../../support/command-text.ts';
import { EnvironmentError, RelayedCode } from '../../support/errors.ts';

/** @returns the failure with the command that goes on; any other failure as it is */
export function withWayOn(error: unknown, device: string, run: TrainingRun): unknown {
  if (device !== 'webgpu' || !(error instanceof EnvironmentError) || !error.code.startsWith('device/')) return error;
  const { epoch, batch } = run.latestSnapshot();
  const saved = batch === 0 ? `${epoch} epochs` : `${epoch} epochs and ${batch} batches`;
  const command = nmc`train --resume ${run.directory} --device cpu`;
  return new EnvironmentError(
    new RelayedCode(error.code),
    error.message,
    `${saved} are saved; to go on without the GPU: ${command}`,
  );
}
