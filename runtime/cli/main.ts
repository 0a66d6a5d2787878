#!/usr/bin/env node
/** `nmc`: reads the command line, runs one command, and is the only place that turns failures into exit codes. */
import yargs from 'yargs';
import { type Arguments, EXIT } from './command.ts';
import { commands } from './commands.ts';
import { packageVersion } from './package-root.ts';
import { reportFailure } from './report-failure.ts';

export async function main(argv: readonly string[]): Promise<number> {
  let exit: number = EXIT.done;
  let asJson = argv.includes('--json');
  const parser = yargs([...argv])
    .scriptName('nmc')
    .usage('$0 <command>\n\nThe NeuroMesh compiler and runtime: predictive coding networks from .pcn files.')
    .version(packageVersion())
    .help()
    .strict()
    .recommendCommands()
    .demandCommand(1, 'Say what to do: one of the commands above.')
    .wrap(Math.min(110, process.stdout.columns ?? 100))
    .exitProcess(false)
    .showHelpOnFail(false)
    .parserConfiguration({ 'duplicate-arguments-array': true, 'populate--': false })
    .fail((message, error) => {
      throw error ?? new UsageError(message);
    });
  for (const command of commands)
    parser.command(command.usage, command.summary, command.options, async (args) => {
      asJson = args.json === true;
      const run = (await command.load()).default;
      exit = await run(args as Arguments);
    });
  try {
    await parser.parseAsync();
  } catch (error) {
    exit = error instanceof UsageError ? usage(error, asJson) : await reportFailure(error, asJson);
  }
  return exit;
}

class UsageError extends Error {
  override readonly name = 'UsageError';
}

function usage(error: UsageError, asJson: boolean): number {
  const message = error.message.replace(/\s+/g, ' ').trim();
  if (asJson) process.stdout.write(`${JSON.stringify({ event: 'error', code: 'usage', message })}\n`);
  process.stderr.write(`error[usage]: ${message}\n  = more: nmc --help\n`);
  return EXIT.wrongInput;
}

// A reader that goes away (`nmc … | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.done);
  throw error;
});

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
    // Worker threads and sockets of a command that has ended keep nothing alive.
    setImmediate(() => process.exit(code));
  },
  (error: unknown) => {
    console.error(error);
    process.exit(70);
  },
);
