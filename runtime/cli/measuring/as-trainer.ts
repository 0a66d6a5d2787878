/** A command that measures, in a process that is started as a trainer's is: its memory decides how fast it is. */
import { spawnSync } from 'node:child_process';
import { nmc, withCommands } from '../../support/command-text.ts';
import { startOfTrainer } from '../mesh/start-of-trainer.ts';
import { EXIT } from '../shell/command.ts';
import { COMMAND_VARIABLE } from '../shell/started-as.ts';

const { heap, allocation } = startOfTrainer(undefined);

/** @returns exit code of this command line in such a process; nothing where this is one, or none can be started */
export function asTrainer(): number | undefined {
  if (heap.every((option) => process.execArgv.includes(option))) return undefined;
  const args = [...heap, ...process.execArgv, ...process.argv.slice(1)];
  const env = { ...allocation, ...process.env, [COMMAND_VARIABLE]: withCommands(nmc``) };
  const { status, error } = spawnSync(process.execPath, args, { env, stdio: 'inherit' });
  return error ? undefined : (status ?? EXIT.interrupted);
}
