/** Form of a command; each lives in a file of its own and is loaded only when it is called. */
import type { Argv } from 'yargs';
import type { Below } from './help.ts';
import { addOptions, type Given, type OptionTable, type RawArguments, readOptions } from './options.ts';

export interface Command extends Below {
  /** `train <file> [task]` */
  readonly usage: string;
  readonly summary: string;
  /** Adds its options and words, for its help and for what it accepts. */
  readonly options: (yargs: Argv) => Argv;
  /** Reads the arguments, loads what does the work, and runs it. @returns the exit code */
  readonly run: (args: RawArguments) => Promise<number>;
}

interface Declared<T extends OptionTable> extends Below {
  readonly usage: string;
  readonly summary: string;
  readonly options: T;
  /** The module that does the work; its default export gives the exit code. */
  readonly load: () => Promise<{ default: (args: Given<T>) => Promise<number> | number }>;
}

export function command<const T extends OptionTable>({ usage, summary, ...declared }: Declared<T>): Command {
  const { options, examples, epilogue, load } = declared;
  return {
    usage,
    summary,
    examples,
    ...(epilogue === undefined ? {} : { epilogue }),
    options: (yargs) => addOptions(yargs, options),
    run: async (args) => {
      const given = readOptions(options, args);
      return (await load()).default(given);
    },
  };
}

export const EXIT = { done: 0, checkFailed: 1, wrongInput: 2, environment: 3, interrupted: 130 } as const;
