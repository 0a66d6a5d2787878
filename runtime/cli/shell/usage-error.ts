/** Command lines that cannot be understood: what was meant, in words of our own. */
import yargs from 'yargs';
import { closest } from '../../../compiler/diagnostics/suggest.ts';
import { nmc, nmcUsage } from '../../support/command-text.ts';
import { UserError } from '../../support/errors.ts';
import type { Command } from './command.ts';

/** Where `help` is given, people see that text alone. */
export class UsageError extends UserError {
  readonly help: string | undefined;
  constructor(message: string, repair: string, help?: string) {
    super('usage', message, repair);
    this.help = help;
  }

  static withNearest(message: string, word: string, known: readonly string[], otherwise: string): UsageError {
    const near = closest(word, known);
    return new UsageError(message, near === undefined ? otherwise : `did you mean ${near}?`);
  }
}

/** @param message of yargs, @param command the one that was called */
export async function readUsage(message: string, command: Command | undefined): Promise<UsageError> {
  const text = message.replace(/\s+/g, ' ').trim();
  const usage = nmcUsage(command?.usage ?? '<command>');
  const help = command ? nmc`${command.usage.split(' ')[0] ?? ''} --help` : nmc`--help`;
  const unknown = /^Unknown arguments?: (.+)$/.exec(text)?.[1]?.split(', ')[0];
  if (unknown !== undefined) {
    const options = command ? await optionsOf(command) : [];
    const near = closest(unknown, options);
    if (near !== undefined) return new UsageError(`the option --${unknown} is unknown`, `did you mean --${near}?`);
    return new UsageError(`${unknown} is not expected here`, `to list the options: ${help}`);
  }
  if (text.startsWith('Not enough non-option arguments')) return new UsageError('an argument is missing', usage);
  const missing = /^Missing required arguments?: (.+)$/.exec(text)?.[1];
  if (missing !== undefined)
    return new UsageError(`--${missing.split(', ').join(' and --')} is missing`, `${usage} --${missing} …`);
  const choice = /^Invalid values: Argument: (\S+), Given: (.+), Choices: (.+)$/.exec(text);
  if (choice) return new UsageError(`${choice[1]} is one of ${choice[3]}, not ${choice[2]}`, help);
  const bare = /^Not enough arguments following: (\S+)$/.exec(text)?.[1];
  if (bare !== undefined) return new UsageError(`--${bare} needs a value`, help);
  return new UsageError(text.charAt(0).toLowerCase() + text.slice(1), help);
}

/** The names of a command's options, as its help lists them. */
async function optionsOf(command: Command): Promise<string[]> {
  const help = await command.options(yargs([]).locale('en')).getHelp();
  return [...help.matchAll(/(?:^|\s)--([a-z-]+)/gm)].flatMap((m) => m[1] ?? []);
}
