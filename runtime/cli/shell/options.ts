/**
 * The options and words of a command as one table: its help, what it accepts and the types that it gets come from it.
 * A command reads no text of the command line itself.
 */
import type { Argv, Options, PositionalOptions } from 'yargs';
import { UserError } from '../../support/errors.ts';
import { describing } from './describing.ts';
import { givenOnce } from './given-once.ts';
import { decimalNumber, wholeNumber } from './whole-number.ts';

/** Arguments as yargs hands them over. */
export type RawArguments = Readonly<Record<string, unknown>>;

export interface Option<out T> {
  readonly add: (yargs: Argv, name: string) => Argv;
  /** @throws UserError where what was given is none */
  readonly read: (args: RawArguments, name: string) => T;
}

export type OptionTable = Readonly<Record<string, Option<unknown>>>;

/** Options as a command gets them: a value for each row of its table. */
export type Given<T extends OptionTable> = {
  readonly [Name in keyof T]: T[Name] extends Option<infer V> ? V : never;
};

export function addOptions(yargs: Argv, table: OptionTable): Argv {
  return Object.entries(table).reduce((all, [name, option]) => option.add(all, name), yargs);
}

/** @throws UserError of the first option that is not what it should be */
export function readOptions<T extends OptionTable>(table: T, args: RawArguments): Given<T> {
  const entries = Object.entries(table).map(([name, option]) => [name, option.read(args, name)] as const);
  return Object.fromEntries(entries) as Given<T>;
}

function described<T extends { readonly describe?: string }>(declared: T): T {
  return declared.describe === undefined ? declared : { ...declared, describe: describing(declared.describe) };
}

const option = <T>(declared: Options, read: Option<T>['read']): Option<T> => ({
  add: (yargs, name) => yargs.option(name, described(declared)),
  read,
});

type Details = Pick<Options, 'alias'>;

/** `--name TEXT`. @throws UsageError of its value for an empty one, as a shell makes it of a variable that is not set */
export function text(describe: string, details: Details = {}): Option<string | undefined> {
  return option({ type: 'string', requiresArg: true, describe, ...details }, readFilled);
}

/** The same where an empty text means something. */
export function anyText(describe: string): Option<string | undefined> {
  return option({ type: 'string', requiresArg: true, describe }, readText);
}

/** `--name TEXT`, without which the command does not begin. */
export function needed(describe: string, details: Details = {}): Option<string> {
  const declared = { type: 'string', requiresArg: true, demandOption: true, describe, ...details } as const;
  return option(declared, (args, name) => readFilled(args, name) ?? '');
}

/** `--name`, or `--name TEXT`: empty where the text is left out. */
export function openText(describe: string): Option<string | undefined> {
  return option({ type: 'string', describe }, readText);
}

/** `--name`. */
export function flag(describe: string): Option<boolean> {
  return option({ type: 'boolean', describe }, (args, name) => givenOnce(args, name) === true);
}

/** `--name TEXT`, as often as one likes. */
export function texts(describe: string, details: Pick<Options, 'array' | 'nargs'> = {}): Option<readonly string[]> {
  return option({ type: 'string', requiresArg: true, describe, ...details }, readTexts);
}

interface Range {
  readonly least: number;
  readonly most?: number;
}

/** `--name N`, a whole number; yargs would say nothing of one that is none. */
export function whole(describe: string, { least, most }: Range): Option<number | undefined> {
  return option({ type: 'string', requiresArg: true, describe }, (args, name) => wholeNumber(args, name, least, most));
}

/** `--name X`, any number of the range. */
export function decimal(
  describe: string,
  { least, most }: { readonly least: number; readonly most: number },
): Option<number | undefined> {
  return option({ type: 'string', requiresArg: true, describe }, (args, name) =>
    decimalNumber(args, name, least, most),
  );
}

/** So many more than there are: `+9`. */
export interface More {
  readonly more: number;
}

/** `--name N`, or `--name +N` for so many more than before. */
export function wholeOrMore(describe: string, { least, most }: Range): Option<number | More | undefined> {
  return option({ type: 'string', requiresArg: true, describe }, (args, name) => {
    const given = givenOnce(args, name);
    const number = wholeNumber(args, name, least, most);
    return typeof given === 'string' && given.trim().startsWith('+') && number !== undefined
      ? { more: number }
      : number;
  });
}

/** As `whole`, without which the command does not begin. */
export function neededWhole(describe: string, { least, most }: Range): Option<number> {
  const declared = { type: 'string', requiresArg: true, demandOption: true, describe } as const;
  return option(declared, (args, name) => wholeNumber(args, name, least, most) ?? least);
}

const positional = <T>(declared: PositionalOptions, read: Option<T>['read']): Option<T> => ({
  add: (yargs, name) => yargs.positional(name, described(declared)),
  read,
});

/** A word in its place, which the usage may leave out. */
export function word(describe: string): Option<string | undefined> {
  return positional({ type: 'string', describe }, readText);
}

/** All words from that place on. */
export function words(describe: string): Option<readonly string[]> {
  return positional({ type: 'string', array: true, describe }, readTexts);
}

/** The words behind `--`, as they are. */
export function rest(): Option<readonly string[]> {
  // yargs leaves them among the words of no name, behind the command's own.
  return { add: (yargs) => yargs, read: (args) => readTexts(args, '_').slice(1) };
}

/** One of these words. */
export function choice<const C extends readonly [string, ...string[]]>(
  choices: C,
  describe: string,
): Option<C[number]> {
  return positional<C[number]>({ choices, describe }, (args, name) => {
    const said = readText(args, name);
    return choices.find((each) => each === said) ?? choices[0];
  });
}

function readText(args: RawArguments, name: string): string | undefined {
  const value = givenOnce(args, name);
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined;
}

function readFilled(args: RawArguments, name: string): string | undefined {
  const value = readText(args, name);
  if (value === '') throw new UserError('usage', `--${name} needs a value, and was given an empty one`, 'leave it out');
  return value;
}

function readTexts(args: RawArguments, name: string): readonly string[] {
  const value = args[name];
  const list: unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return list.map(String);
}
