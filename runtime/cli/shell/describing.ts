/** Commands within a table of help: while it is laid out, lines are broken at other spaces alone. */
import { withCommands } from '../../support/command-text.ts';

const UNBROKEN = '\u00a0';

/** A description of an option, for a table. */
export function describing(text: string): string {
  return withCommands(text, (command) => command.replaceAll(' ', UNBROKEN));
}

/** The table as it is printed. */
export function laidOut(table: string): string {
  return table.replaceAll(UNBROKEN, ' ');
}
