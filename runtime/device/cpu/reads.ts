/** What a graph reads, looked up once: the same names and sizes in every run. */
import * as ort from 'onnxruntime-node';
import type { CpuManifest } from '../../../spec/cpu-manifest.ts';
import { inputName } from '../../../spec/names.ts';
import { sizeOf } from '../../../spec/program.ts';

/** `input`: the name in the graph. */
export interface Reads {
  readonly fields: readonly (CpuManifest['fields'][number] & { readonly input: string; readonly size: number })[];
  readonly states: readonly { readonly id: string; readonly input: string }[];
  /** Written before each run. */
  readonly scalars: ort.Tensor | undefined;
}

export function readsOf(manifest: CpuManifest): Reads {
  const scalars = new Float32Array(manifest.scalars.length);
  return {
    fields: manifest.fields.map((f) => ({
      ...f,
      input: nameIn(manifest, inputName(f.field)),
      size: sizeOf(f.shape),
    })),
    states: manifest.states.map((id) => ({ id, input: nameIn(manifest, id) })),
    scalars: scalars.length > 0 ? new ort.Tensor('float32', scalars, [scalars.length]) : undefined,
  };
}

/** Name of a state or a field in the graph. */
const nameIn = ({ graphNames }: CpuManifest, name: string): string => graphNames?.[name] ?? name;
