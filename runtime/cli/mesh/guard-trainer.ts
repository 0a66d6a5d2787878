/** `nmc join` in two processes: a trainer that computes, and this one, which watches over it and says how it ended. */
import { spawn } from 'node:child_process';
import { jsonLine } from '../../support/emit.ts';
import { EnvironmentError } from '../../support/errors.ts';
import type { Invite } from '../../wire/handshake.ts';
import { EXIT } from '../shell/command.ts';
import { watchInterrupt } from '../shell/watch-interrupt.ts';
import { BY_JOIN, parentEnvironment } from '../shell/with-parent.ts';
import { inviteText } from './invite-argument.ts';
import { startOfTrainer } from './start-of-trainer.ts';
import { TrainerGuard } from './trainer-guard.ts';

/**
 * Runs this command line once more, as a child.
 * @param allowed bytes that shards may use
 * @returns the child's exit code
 * @throws EnvironmentError `trainer/memory`, `device/stuck`, `trainer/ended`
 */
export async function guardTrainer(allowed: number | undefined, invite: Invite | undefined): Promise<number> {
  const { heap, allocation } = startOfTrainer(allowed);
  const child = spawn(process.execPath, [...heap, ...process.execArgv, ...process.argv.slice(1)], {
    env: {
      ...allocation,
      ...process.env,
      NMC_INVITE: invite ? inviteText(invite) : '',
      ...parentEnvironment(BY_JOIN),
    },
    stdio: ['pipe', 'inherit', 'inherit', 'ipc'],
  });
  const log = (event: Readonly<Record<string, unknown>>): boolean => process.stderr.write(`${jsonLine(event)}\n`);
  const guard = new TrainerGuard(child, { allowed, log });
  // The first Ctrl-C asks it to leave; the second ends this process, and with its standard input the child.
  const interrupt = watchInterrupt(() => child.stdin?.write('stop\n'));
  child.stdin?.on('error', () => undefined);
  try {
    const { code, signal } = await new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
      child.on('exit', (code, signal) => resolve({ code, signal }));
      child.on('error', reject);
    });
    if (guard.ending) throw new EnvironmentError(guard.ending.code, guard.ending.message, guard.ending.repair);
    if (code !== null) return code;
    if (interrupt.requested()) return EXIT.interrupted;
    throw new EnvironmentError('trainer/ended', `the trainer was ended by ${signal}`, 'join again');
  } finally {
    interrupt.release();
  }
}
