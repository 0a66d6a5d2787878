/** JSON lines on standard output: the machine-readable side of every command. */
import { printableJson } from './printable.ts';

/**
 * One object on one line. Numbers that JSON does not know (NaN, Infinity) become null, typed arrays lists, big integers
 * numbers where exact and texts where not. A reader that has gone away (EPIPE) is met where the program starts.
 */
export function emit(object: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${jsonLine(object)}\n`);
}

/** A line of `emit`, without its end. @param texts what becomes of the commands in them */
export function jsonLine(object: Readonly<Record<string, unknown>>, texts = (text: string): string => text): string {
  const json = JSON.stringify(object, (_key, value: unknown) => {
    if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    if (typeof value === 'string') return texts(value);
    return ArrayBuffer.isView(value) && !(value instanceof DataView) ? [...(value as Uint8Array)] : value;
  });
  return printableJson(json);
}
