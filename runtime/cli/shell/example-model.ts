/** A model that comes with the program, for commands that should run wherever they are pasted. */
import { isAbsolute, join, relative } from 'node:path';
import { packageRoot } from './package-root.ts';

/** @returns its path, from the working folder where it lies in there */
export function exampleModel(): string {
  const path = join(packageRoot(), 'dsl-examples', 'digits.pcn');
  const way = relative(process.cwd(), path);
  return way.startsWith('..') || isAbsolute(way) ? path : way;
}
