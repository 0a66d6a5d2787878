/** `nmc join` in two processes: a trainer that computes, and this one, which watches over it and says how it ended. */
import { spawn } from 'node:child_process';
import { jsonLine } from '../../support/emit.ts';
import { EnvironmentError } from '../../support/errors.ts';
import type { Invite } from '../../wire/handshake.ts';
import { EXIT } from '../shell/command.ts';
import { watchInterrupt } from '../shell/watch-interrupt.ts';
import { BY_JOIN, parentEnvironment } from '../shell/with-parent.ts';
import { inviteText } from './invite-argument.ts';
import { TrainerGuard } from './trainer-guard.ts';

/**
 * Megabytes that a trainer's heap may hold before all of it is looked through. Frames are memory outside the heap that
 * counts as if it were in it: from the few megabytes where Node begins, a small network's frames would have all live
 * objects walked every ten ticks, on five threads.
 */
const HEAP = '--initial-heap-size=128';

/**
 * Of a trainer without a bound: glibc keeps what is freed. New pages for each tensor and frame of a few megabytes cost
 * several times what is copied there, a fifth of a wide network's tick. The first is the largest that every glibc takes.
 */
const GENEROUS = { MALLOC_MMAP_THRESHOLD_: '33554432', MALLOC_TRIM_THRESHOLD_: '268435456' };

/**
 * Of a trainer with a bound, which has memory for little garbage: glibc gives tensors back to the system as soon as they
 * are freed, and threads share its memory. Other systems do not read it.
 */
const THRIFTY = { MALLOC_MMAP_THRESHOLD_: '1048576', MALLOC_TRIM_THRESHOLD_: '4194304', MALLOC_ARENA_MAX: '2' };

/**
 * Runs this command line once more, as a child.
 * @param allowed bytes that shards may use
 * @returns the child's exit code
 * @throws EnvironmentError `trainer/memory`, `device/stuck`, `trainer/ended`
 */
export async function guardTrainer(allowed: number | undefined, invite: Invite | undefined): Promise<number> {
  const heap = allowed === undefined ? [HEAP] : [];
  const child = spawn(process.execPath, [...heap, ...process.execArgv, ...process.argv.slice(1)], {
    env: {
      ...(allowed === undefined ? GENEROUS : THRIFTY),
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
