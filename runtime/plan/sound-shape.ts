/** Sizes that a stranger's text names: whether they can be. */
import type { Shape } from '../../spec/program.ts';

const MAX_AXES = 16;
const MAX_ELEMENTS = 2 ** 45;

/** @returns what is wrong, or nothing */
export function shapeProblem(shape: Shape): string | undefined {
  if (!Array.isArray(shape) || shape.length > MAX_AXES || !shape.every(isCount)) return 'has no sound shape';
  return elements(shape) > MAX_ELEMENTS ? 'is too large for any machine' : undefined;
}

/** May be beyond 2^53, which only makes it too large. */
export function elements(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}

export function isCount(n: unknown): boolean {
  return Number.isSafeInteger(n) && (n as number) >= 1 && (n as number) <= 2 ** 31;
}
