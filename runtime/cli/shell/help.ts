/** The help of a command: options as a table, then commands to paste, each on a line of its own that nothing breaks. */
import type { Argv } from 'yargs';
import { nmcUsage, withCommands } from '../../support/command-text.ts';
import { laidOut } from './describing.ts';

const MIN_COLUMNS = 80;
const MAX_COLUMNS = 110;
const DEFAULT_COLUMNS = 100;

export type Example = readonly [line: string, does: string];

/** Text below the table. */
export interface Below {
  readonly examples: readonly Example[];
  readonly epilogue?: string;
}

/** A narrower terminal breaks lines itself, and what is copied from it is whole. */
export function helpColumns(columns = DEFAULT_COLUMNS): number {
  return Math.max(MIN_COLUMNS, Math.min(MAX_COLUMNS, columns));
}

/** Whether it is help that is asked for; what stands behind `--` is another program's. */
export function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? argv.length : end).some((word) => word === '--help' || word === '-h');
}

/** @param parser of this command; of all of them where there is none */
export async function helpText(parser: Argv, { examples, epilogue }: Below): Promise<string> {
  const table = laidOut(await parser.getHelp()).trimEnd();
  const lines = examples.map(([line, does]) => `  ${nmcUsage(line)}\n      ${does}`);
  const parts = [
    table,
    withCommands(['Examples:', ...lines].join('\n')),
    ...(epilogue === undefined ? [] : [epilogue]),
  ];
  return `${parts.join('\n\n')}\n`;
}
