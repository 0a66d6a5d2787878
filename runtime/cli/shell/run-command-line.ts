/** Reads a command line and runs its command; the only place that turns failures into exit codes. */
import yargs, { type Argv } from 'yargs';
import { nmc, withCommands } from '../../support/command-text.ts';
import { commands } from '../commands.ts';
import { type Command, EXIT } from './command.ts';
import { debugLog } from './debug.ts';
import { asksForHelp, helpColumns, helpText } from './help.ts';
import type { RawArguments } from './options.ts';
import { packageVersion } from './package-root.ts';
import { reportFailure } from './report-failure.ts';
import { readUsage, UsageError } from './usage-error.ts';

const ALL = {
  examples: [
    ['train dsl-examples/digits.pcn', 'train on generated digits, in under a minute'],
    ['check model.pcn', 'what is wrong with a model'],
    ['train --help', 'the options of a command'],
  ],
} as const;

/** @param argv without the program's own name. @returns the exit code */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const asJson = argv.includes('--json');
  try {
    return await parseAndRun(argv);
  } catch (error) {
    return reportFailure(error, asJson, namedMesh(argv));
  }
}

/** The mesh that the command was to reach, so that a next one reaches it too. */
function namedMesh(argv: readonly string[]): string[] {
  const at = argv.lastIndexOf('--mesh');
  const address = at < 0 ? argv.find((word) => word.startsWith('--mesh='))?.slice('--mesh='.length) : argv[at + 1];
  const insecure = argv.includes('--insecure') ? ['--insecure'] : [];
  return address === undefined ? [] : ['--mesh', address, ...insecure];
}

async function parseAndRun(argv: readonly string[]): Promise<number> {
  debugLog();
  let exit: number = EXIT.done;
  const command = commandOf(argv);
  const forHelp = asksForHelp(argv);
  // Without the option, with which yargs would print a help of its own.
  const parser = baseParser(forHelp ? [command?.usage.split(' ')[0] ?? ''] : argv);
  // Only the help of the whole needs them all.
  for (const known of command ? [command] : commands)
    parser.command(known.usage, known.summary, known.options, async (args) => {
      exit = await known.run(withDashes(args));
    });
  if (command === undefined && !argv.some((word) => ['--help', '-h', '--version'].includes(word))) {
    const first = argv.find((word) => !word.startsWith('-'));
    if (first !== undefined) throw unknownCommand(first);
    throw new UsageError('say what to do', 'one of the commands below', (await helpText(parser, ALL)).trimEnd());
  }
  if (forHelp) {
    process.stdout.write(await helpText(parser, command ?? ALL));
    return EXIT.done;
  }
  parser.fail((message, error) => {
    // Of its own complaints, yargs reports some as errors and some as messages.
    if (error && error.name !== 'YError') throw error;
    throw new BadArguments(error?.message ?? message);
  });
  try {
    await parser.parseAsync();
  } catch (error) {
    if (error instanceof BadArguments) throw await readUsage(error.message, command);
    throw error;
  }
  return exit;
}

/** A mistake that yargs found, in its own words. */
class BadArguments extends Error {
  override readonly name = 'BadArguments';
}

function baseParser(argv: readonly string[]): Argv {
  return (
    yargs(argv.map((word) => (word === '-' || DASHED_KEY.test(word) ? HIDDEN + word : word)))
      .scriptName(withCommands(nmc``))
      .usage('$0 <command>\n\nThe NeuroMesh compiler and runtime: predictive coding networks from .pcn files.')
      .version(packageVersion())
      .help()
      .alias('help', 'h')
      // Messages and tests are in one language, whatever the environment's.
      .locale('en')
      .strict()
      .demandCommand(1)
      .wrap(helpColumns(process.stdout.columns))
      .exitProcess(false)
      .showHelpOnFail(false)
      .parserConfiguration({
        'duplicate-arguments-array': true,
        'populate--': false,
        'dot-notation': false,
        'parse-numbers': false,
        'parse-positional-numbers': false,
        'boolean-negation': false,
        'camel-case-expansion': false,
      })
  );
}

/** Of several files yargs leaves out `-`, standard input, and a key that begins so it takes for options. */
const HIDDEN = '\0';
/** Of 64 keys one begins with `-`; no option is as long. */
const DASHED_KEY = /^-[A-Za-z0-9_-]{42}$/;

function withDashes(args: RawArguments): RawArguments {
  const restored = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(restored);
    return typeof value === 'string' && value.startsWith(HIDDEN) ? value.slice(HIDDEN.length) : value;
  };
  return Object.fromEntries(Object.entries(args).map(([name, value]) => [name, restored(value)]));
}

/** The first word that names one. */
function commandOf(argv: readonly string[]): Command | undefined {
  const byName = new Map(commands.map((command) => [nameOf(command), command]));
  const named = argv.find((word) => byName.has(word));
  return named === undefined ? undefined : byName.get(named);
}

export function nameOf(command: Command): string {
  return command.usage.split(' ')[0] ?? '';
}

function unknownCommand(name: string): UsageError {
  return UsageError.withNearest(
    `the command ${name} is unknown`,
    name,
    commands.map(nameOf),
    `to list them: ${nmc`--help`}`,
  );
}
