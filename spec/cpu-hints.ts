/** What nodes of graphs for the CPU say beside what they do: where the processor allows it, a device does the same faster. */

const KERNEL_GRADIENT = 'kernel gradient ';

/** A node gives the gradient of a convolution's kernel. */
export interface KernelGradient {
  /** [page, in, height, width], by its name. */
  readonly picture: string;
  /** [page, out, rows, columns], by its name: the gradient of each window. */
  readonly windows: string;
  /** [kernel height, kernel width, in, out]. */
  readonly shape: readonly number[];
  /** Above and below, left and right. */
  readonly padding: readonly number[];
  /** From one window to the next, downwards and to the right. */
  readonly stride: readonly number[];
}

export const kernelGradientText = (told: KernelGradient): string => KERNEL_GRADIENT + JSON.stringify(told);

/**
 * @param about what a node says
 * @throws Error for what the compiler has not written: nothing from outside comes here, so that would be our own mistake
 */
export function readKernelGradient(about: string | null | undefined): KernelGradient | undefined {
  if (!about?.startsWith(KERNEL_GRADIENT)) return undefined;
  const value: unknown = JSON.parse(about.slice(KERNEL_GRADIENT.length));
  if (!isKernelGradient(value)) throw new Error('a node tells of no gradient of a kernel');
  return value;
}

function isKernelGradient(value: unknown): value is KernelGradient {
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map(Object.entries(value));
  const isText = (name: string): boolean => typeof fields.get(name) === 'string';
  return (
    isText('picture') &&
    isText('windows') &&
    ['shape', 'padding', 'stride'].every((name) => Array.isArray(fields.get(name)))
  );
}
