/** Standard error of a thread whose main thread hangs: what it writes in the usual way would go through that one. */
import { writeSync } from 'node:fs';

const STANDARD_ERROR = 2;

/** @param line made by `printed` */
export function sayAtOnce(line: string): void {
  writeSync(STANDARD_ERROR, line);
}
