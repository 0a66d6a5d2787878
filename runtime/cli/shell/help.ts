/** The help of a command: options as a table, then commands to paste, each on a line of its own that nothing breaks. */
import type { Argv } from 'yargs';
import { nmcUsage, withCommands } from '../../support/command-text.ts';
import type { Command } from './command.ts';

const LEAST_COLUMNS = 80;
const MOST_COLUMNS = 110;
const DEFAULT_COLUMNS = 100;
/** Within a command, while a table is laid out: lines are broken at other spaces alone. */
const UNBROKEN = '\u00a0';

export type Example = readonly [line: string, does: string];

/** A narrower terminal breaks lines itself, and what is copied from it is whole. */
export function helpColumns(columns = DEFAULT_COLUMNS): number {
  return Math.max(LEAST_COLUMNS, Math.min(MOST_COLUMNS, columns));
}

/** A description of an option, for a table. */
export function describing(text: string): string {
  return withCommands(text, (command) => command.replaceAll(' ', UNBROKEN));
}

/** Whether it is help that is asked for; what stands behind `--` is another program's. */
export function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? argv.length : end).some((word) => word === '--help' || word === '-h');
}

/** @param parser of this command; of all of them where there is none */
export async function helpText(parser: Argv, { examples, epilogue }: Pick<Command, 'examples' | 'epilogue'>) {
  const table = (await parser.getHelp()).replaceAll(UNBROKEN, ' ').trimEnd();
  const lines = examples.map(([line, does]) => `  ${nmcUsage(line)}\n      ${does}`);
  const parts = [
    table,
    withCommands(['Examples:', ...lines].join('\n')),
    ...(epilogue === undefined ? [] : [epilogue]),
  ];
  return `${parts.join('\n\n')}\n`;
}
