/** Which gradients are large enough to be made one after the other, and what takes graphs apart for that. */
import { type CpuManifest, LARGE_GRADIENT_BYTES } from '../../../spec/cpu-manifest.ts';
import { LANE } from '../../../spec/names.ts';
import { type Shape, sizeOf } from '../../../spec/program.ts';
import { manifestsIn } from './manifest.ts';
import type { SplitGraph } from './split-graph.ts';

/** @returns nothing where the graph stays as it is */
export type GraphSplitter = (graph: Uint8Array, manifest: CpuManifest) => SplitGraph | undefined;

/** Loaded only for a program that has large gradients: most have none, and should start quickly. */
export async function splitterOf(files: ReadonlyMap<string, Uint8Array>): Promise<GraphSplitter | undefined> {
  if (!manifestsIn(files).some((manifest) => largeGradients(manifest).size > 0)) return undefined;
  const { splitGraph } = await import('./late-gradients.ts');
  return splitGraph;
}

/** Large gradients that kernels read one at a time, with their shapes. */
export function largeGradients(
  { function: name, outputs, kernels }: CpuManifest,
  least = LARGE_GRADIENT_BYTES,
): Map<string, Shape> {
  // Both lanes add up their gradients, so each of them has all of its own.
  if (name === LANE) return new Map();
  const large = outputs.flatMap((o) =>
    'gradient' in o && Float32Array.BYTES_PER_ELEMENT * sizeOf(o.shape) >= least ? [o] : [],
  );
  const names = new Set(large.map((o) => o.gradient));
  const together = kernels
    .map((k) => k.tensors.flatMap((t) => ('gradient' in t && names.has(t.gradient) ? [t.gradient] : [])))
    .filter((read) => new Set(read).size > 1)
    .flat();
  return new Map(large.filter((o) => !together.includes(o.gradient)).map((o) => [o.output, o.shape]));
}
