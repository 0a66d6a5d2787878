/**
 * Processes that another `nmc` has started: its words come on standard input, and when that ends it is gone, and they go
 * too. Ctrl-C in a terminal reaches the whole group; these leave it to the one who started them.
 */
import { nmc, withCommands } from '../../support/command-text.ts';
import { COMMAND_VARIABLE } from './started-as.ts';

/** Messages of a trainer to the process that watches over it. */
export type ToParent =
  /** Bytes that it holds before any shard is loaded. */
  | { readonly event: 'runtime'; readonly bytes: number }
  /** It ends itself, and why. */
  | { readonly event: 'stuck'; readonly reason: string };

/** The variable of the environment by which a process knows that another `nmc` has started it, and which. */
export const PARENT = 'NMC_PARENT';
export const BY_UP = '1';
export const BY_JOIN = 'join';

/** Variable that tells a process so; it prints commands that begin as this one was started. */
export function parentEnvironment(by: typeof BY_UP | typeof BY_JOIN): Readonly<Record<string, string>> {
  return { [PARENT]: by, [COMMAND_VARIABLE]: withCommands(nmc``) };
}

/** Whether this process was started by another `nmc`. */
export function hasParent(): boolean {
  return [BY_UP, BY_JOIN].includes(process.env[PARENT] ?? '');
}

/** Whether that is `nmc up`, which starts again what has ended. */
export const startedByUp = (): boolean => process.env[PARENT] === BY_UP;

export function tellParent(message: ToParent): void {
  if (process.connected) process.send?.(message);
}

/** @param onStop the parent has said `stop` */
export function heedParent(onStop: () => void): void {
  process.on('SIGINT', () => undefined);
  let heard = '';
  process.stdin.setEncoding('utf8');
  process.stdin.on('data', (words: string) => {
    heard = (heard + words).slice(-100);
    if (heard.includes('stop\n')) onStop();
  });
  process.stdin.on('end', goToo);
  process.stdin.on('error', goToo);
}

/** A usual exit waits for threads, and one that computes for long would outlive the parent. */
function goToo(): void {
  process.kill(process.pid, 'SIGKILL');
}
