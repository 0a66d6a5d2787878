/** What a command is; each lives in a file of its own and is loaded only when it is called. */
import type { Argv } from 'yargs';

export interface Command {
  /** `train <file> [task]` */
  readonly usage: string;
  readonly summary: string;
  readonly options: (yargs: Argv) => Argv;
  /** The module that runs it; its default export takes the arguments and gives the exit code. */
  readonly load: () => Promise<{ default: (args: Arguments) => Promise<number> | number }>;
}

/** Arguments as yargs hands them over; each command narrows what it reads. */
export type Arguments = Readonly<Record<string, unknown>>;

export const EXIT = { done: 0, checkFailed: 1, wrongInput: 2, environment: 3, interrupted: 130 } as const;

export function text(args: Arguments, name: string): string | undefined {
  const given = args[name];
  // Given twice: the last one counts.
  const value: unknown = Array.isArray(given) ? given.at(-1) : given;
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined;
}

export function flag(args: Arguments, name: string): boolean {
  return args[name] === true;
}

/** Several values of one option: `--set a=1 --set b=2`. */
export function texts(args: Arguments, name: string): string[] {
  const value = args[name];
  const list: unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return list.map(String);
}
