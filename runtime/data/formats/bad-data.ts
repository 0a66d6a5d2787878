/** The form in which readers report a faulty file: the file, the place, what was expected. */
import { UserError } from '../../support/errors.ts';

/** @param place "byte 4", "row 3, column `x`", or '' for the whole file */
export function badData(path: string, place: string, problem: string, repair?: string): UserError {
  return new UserError('data/format', `${path}: ${place === '' ? '' : `${place}: `}${problem}`, repair);
}

/** A file that is shorter or longer than its header says. @param says `2 x 3 elements make` */
export function badLength(path: string, bytes: Uint8Array, expected: number, says: string): UserError {
  const problem = bytes.length < expected ? 'the file ends too early' : 'the file goes on after its last element';
  const place = `byte ${Math.min(bytes.length, expected)}`;
  return badData(path, place, `${problem}: ${says} ${expected} bytes, not ${bytes.length}`);
}

/** Kinds of files by their first bytes, for "named .png but looks like gzip". */
export function looksLike(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'an empty file';
  const known = SIGNATURES.find(({ start }) => start.every((byte, i) => bytes[i] === byte));
  if (known) return known.what;
  const hex = [...bytes.subarray(0, 4)].map((b) => b.toString(16).padStart(2, '0')).join(' ');
  return `bytes ${hex} at its beginning`;
}

const SIGNATURES: readonly { readonly start: readonly number[]; readonly what: string }[] = [
  { start: [0x1f, 0x8b], what: 'gzip' },
  { start: [0x89, 0x50, 0x4e, 0x47], what: 'PNG' },
  { start: [0xff, 0xd8, 0xff], what: 'JPEG' },
  { start: [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59], what: 'NPY' },
  { start: [0x50, 0x4b, 3, 4], what: 'a zip archive (NPZ)' },
  { start: [0x50, 0x41, 0x52, 0x31], what: 'Parquet' },
  { start: [0x3c], what: 'HTML or XML (an error page saved by a download?)' },
  { start: [0, 0, 8], what: 'IDX' },
];
