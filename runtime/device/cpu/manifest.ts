/** The manifest of a compiled function of the CPU, read from the bytes that were made for it. */
import type { CpuManifest } from '../../../spec/cpu-manifest.ts';

/** @throws Error for what is not a manifest: nothing from outside comes here, so that would be our own mistake */
export function readManifest(bytes: Uint8Array): CpuManifest {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (!isManifest(value)) throw new Error('a function of the CPU has no manifest');
  return value;
}

/** Those of all functions. */
export function manifestsIn(files: ReadonlyMap<string, Uint8Array>): CpuManifest[] {
  return [...files].flatMap(([path, bytes]) => (path.endsWith('.json') ? [readManifest(bytes)] : []));
}

const LISTS = ['fields', 'states', 'scalars', 'outputs', 'kernelFields', 'kernels'] as const;

function isManifest(value: unknown): value is CpuManifest {
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map(Object.entries(value));
  return typeof fields.get('function') === 'string' && LISTS.every((name) => Array.isArray(fields.get(name)));
}
