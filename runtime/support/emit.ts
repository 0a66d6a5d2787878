/** JSON lines on standard output: the machine-readable side of every command. */

/** One object on one line; numbers that JSON does not know become null. */
export function emit(object: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(object)}\n`);
}
