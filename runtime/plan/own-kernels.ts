/** Whether the compiled forms that a plan brings are those that its program is lowered to here. */
import { createHash } from 'node:crypto';
import type { Program } from '../../spec/program.ts';

const KINDS = ['onnx', 'json', 'wasm'] as const;

/**
 * @param lowered forms of some functions of the program, made here, by the device's names
 * @param functions the names of those
 * @param brought SHA-256 of what the plan brings, by the same names
 * @returns the first file that is not the same, is missing or is too many; nothing where all agree
 */
export function otherKernel(
  program: Program,
  functions: ReadonlySet<string>,
  lowered: ReadonlyMap<string, Uint8Array>,
  brought: ReadonlyMap<string, string>,
): string | undefined {
  const all = new Set(program.functions.flatMap((f) => namesOf(f.name)));
  const foreign = [...brought.keys()].find((name) => !all.has(name));
  if (foreign !== undefined) return foreign;
  const expected = [...functions].flatMap(namesOf);
  return expected.find((name) => {
    const bytes = lowered.get(name);
    return (bytes && createHash('sha256').update(bytes).digest('hex')) !== brought.get(name);
  });
}

const namesOf = (name: string): string[] => KINDS.map((kind) => `cpu/${name}.${kind}`);
