/** The CPU's files of several shards: equal graphs and kernels are there once. */
import { createHash } from 'node:crypto';
import type { Program, ProgramFunction } from '../../../spec/program.ts';
import { type Lowered, lowerAnonymously } from './anonymous.ts';

/** A file of a plan, and the name by which a shard's device knows it. */
export interface ShardFile {
  readonly name: string;
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * For each shard its files, as they are asked for: `cpu/NAME.json`, `cpu/NAME.onnx`, `cpu/NAME.wasm` for every function.
 * @param made called with each file that shards may share, once
 */
export function lowerEachToCpu(
  programs: readonly Program[],
  made?: (file: Omit<ShardFile, 'name'>) => void,
): (shard: number) => ShardFile[] {
  const shared = new Map<string, Uint8Array>();
  const share = (bytes: Uint8Array, kind: string): { path: string; bytes: Uint8Array } => {
    const path = `cpu/${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}.${kind}`;
    const known = shared.get(path);
    if (!known) {
      shared.set(path, bytes);
      made?.({ path, bytes });
    }
    return { path, bytes: known ?? bytes };
  };
  const known: Lowered = new Map();
  const lower = (program: Program, shard: number): ShardFile[] =>
    program.functions.flatMap((f) =>
      filesOf(program, f, known).map(({ name, kind, bytes }): ShardFile => {
        if (kind === 'json') return { name, path: `shards/${shard}/${name}`, bytes };
        return { name, ...share(bytes, kind) };
      }),
    );
  const lowered: ShardFile[][] = [];
  return (shard) => {
    lowered[shard] ??= lower(programs[shard] as Program, shard);
    return lowered[shard];
  };
}

/** The files of one shard by the names that its device knows. @param known from the lowering of shards alike */
export function lowerShardToCpu(program: Program, known: Lowered): Map<string, Uint8Array> {
  return new Map(
    program.functions.flatMap((f) => filesOf(program, f, known).map(({ name, bytes }) => [name, bytes] as const)),
  );
}

interface FunctionFile {
  readonly name: string;
  readonly kind: 'json' | 'onnx' | 'wasm';
  readonly bytes: Uint8Array;
}

function filesOf(program: Program, f: ProgramFunction, known: Lowered): FunctionFile[] {
  const { manifest, graph, module } = lowerAnonymously(program, f, known);
  const file = (kind: FunctionFile['kind'], bytes: Uint8Array): FunctionFile => ({
    name: `cpu/${f.name}.${kind}`,
    kind,
    bytes,
  });
  return [
    file('json', new TextEncoder().encode(JSON.stringify(manifest))),
    ...(graph ? [file('onnx', graph)] : []),
    ...(module ? [file('wasm', module)] : []),
  ];
}
