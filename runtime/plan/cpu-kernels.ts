/** Whether the kernels behind a graph of the CPU device go over tensors that are as long as they say, and no longer. */
import type { CpuManifest } from '../../spec/cpu-manifest.ts';
import { type ProgramFunction, type Shape, sameShape, sizeOf } from '../../spec/program.ts';
import { isScalar } from './sound-scalar.ts';
import { shapeProblem } from './sound-shape.ts';

type Kernels = Pick<CpuManifest, 'kernels' | 'kernelFields' | 'outputs'>;

/**
 * @param states shapes of the program's states
 * @returns what does not agree, or nothing
 */
export function cpuKernelsProblem(
  { kernels, kernelFields, outputs }: Partial<Kernels>,
  f: ProgramFunction,
  states: ReadonlyMap<string, Shape>,
): string | undefined {
  if (!Array.isArray(kernels) || !Array.isArray(kernelFields) || !outputs) return 'does not say what its kernels are';
  if (![kernels, kernelFields].flat().every(isObject)) return 'does not say what its kernels are';
  for (const { field, shape } of kernelFields) {
    const input = f.inputs.find((i) => i.field === field);
    if (!input || !Array.isArray(shape) || !sameShape(input.shape, shape)) return `hands a kernel ${field}`;
  }
  const fields = new Map(kernelFields.map((k) => [k.field, k.shape]));
  const gradients = new Map(outputs.flatMap((o) => ('gradient' in o ? [[o.gradient, o.shape] as const] : [])));
  for (const [name, shape] of gradients)
    if (shapeProblem(shape) !== undefined) return `makes ${name} of no sound shape`;
  const read = new Set<string>();
  for (const kernel of kernels as CpuManifest['kernels']) {
    const { elements, tensors, results, scalars } = kernel;
    const lists = Array.isArray(tensors) && Array.isArray(results) && Array.isArray(scalars);
    if (!lists || typeof kernel.export !== 'string' || !tensors.every(isObject) || !scalars.every((s) => isScalar(s)))
      return 'has an odd kernel';
    const shapes = [
      ...tensors.map((t) =>
        'state' in t ? states.get(t.state) : 'gradient' in t ? gradients.get(t.gradient) : fields.get(t.field),
      ),
      ...results.map((id) => states.get(id)),
    ];
    if (shapes.some((shape) => shape === undefined || sizeOf(shape) !== elements))
      return `lets ${kernel.export} go over ${elements} elements of what has others`;
    for (const t of tensors) if ('gradient' in t) read.add(t.gradient);
  }
  const unread = [...gradients.keys()].find((name) => !read.has(name));
  return unread === undefined ? undefined : `makes ${unread}, which no kernel reads`;
}

/** What may have properties. */
export function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
