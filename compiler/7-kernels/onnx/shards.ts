/** The CPU's files of several shards: equal graphs and kernels are there once. */
import { createHash } from 'node:crypto';
import type { Program } from '../../../spec/program.ts';
import { type Lowered, lowerAnonymously } from './anonymous.ts';

/** A file of a plan, and the name by which a shard's device knows it. */
export interface ShardFile {
  readonly name: string;
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * @param note told what is being done
 * @returns for each shard its files: `cpu/NAME.json`, `cpu/NAME.onnx`, `cpu/NAME.wasm` for every function
 */
export function lowerShardsToCpu(programs: readonly Program[], note?: (doing: string) => void): ShardFile[][] {
  const shared = new Map<string, Uint8Array>();
  const share = (bytes: Uint8Array, kind: string): { path: string; bytes: Uint8Array } => {
    const path = `cpu/${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}.${kind}`;
    const known = shared.get(path) ?? bytes;
    shared.set(path, known);
    return { path, bytes: known };
  };
  const known: Lowered = new Map();
  return programs.map((program, shard) => {
    note?.(`kernels of shard ${shard + 1} of ${programs.length}`);
    return program.functions.flatMap((f) => {
      const { manifest, graph, module } = lowerAnonymously(program, f, known);
      const description = new TextEncoder().encode(JSON.stringify(manifest));
      const own = { name: `cpu/${f.name}.json`, path: `shards/${shard}/cpu/${f.name}.json`, bytes: description };
      return [
        own,
        ...(graph ? [{ name: `cpu/${f.name}.onnx`, ...share(graph, 'onnx') }] : []),
        ...(module ? [{ name: `cpu/${f.name}.wasm`, ...share(module, 'wasm') }] : []),
      ];
    });
  });
}
