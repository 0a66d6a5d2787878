/** Whether the kernels that a plan brings hold together, and take and give what the program says. */
import { KernelTextError, parseKernels } from '../../spec/kernel-text.ts';
import { KernelFault, verifyKernels } from '../../spec/kernel-verify.ts';
import { KERNEL_LIST, type KernelFunction, type KernelProgram, modulePath } from '../../spec/kernels.ts';
import { type Program, type ProgramFunction, sizeOf } from '../../spec/program.ts';

/** Elements of all arenas: what a device would allocate (32 GiB). */
const MAX_ELEMENTS = 2 ** 33;

/** @returns what does not agree, or nothing; a plan without kernels runs on other devices */
export function kernelProblem(program: Program, files: ReadonlyMap<string, Uint8Array>): string | undefined {
  const bytes = files.get(KERNEL_LIST);
  if (!bytes) return undefined;
  try {
    const kernels = parseKernels(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    verifyKernels(kernels);
    const problem = compare(kernels, program, files);
    return problem && `${KERNEL_LIST}: ${problem}`;
  } catch (error) {
    if (error instanceof KernelTextError || error instanceof KernelFault || error instanceof TypeError)
      return `${KERNEL_LIST}: ${error.message.slice(0, 300)}`;
    throw error;
  }
}

function compare(k: KernelProgram, program: Program, files: ReadonlyMap<string, Uint8Array>): string | undefined {
  if (k.arenas.reduce((sum, a) => sum + a.elements, 0) > MAX_ELEMENTS) return 'it needs more memory than there is';
  const missing = k.modules.find((m) => !files.has(modulePath(m.id)));
  if (missing) return `it has no ${modulePath(missing.id)}`;
  const states = new Map(k.states.map((s) => [s.name, s.elements]));
  if (states.size !== program.states.length) return 'it has other states than the program';
  for (const s of program.states) if (states.get(s.id) !== sizeOf(s.shape)) return `${s.id} has another size`;
  for (const f of program.functions) {
    const found = k.functions.find((g) => g.name === f.name);
    const problem = found ? compareFunction(found, f) : 'is missing';
    if (problem !== undefined) return `${f.name} ${problem}`;
  }
  return undefined;
}

function compareFunction(found: KernelFunction, f: ProgramFunction): string | undefined {
  for (const i of f.inputs) {
    const other = found.inputs.find((each) => each.field === i.field);
    const same = other?.type === i.type && other.shape.join() === i.shape.join();
    if (!same) return `takes another ${i.field}`;
  }
  if (found.inputs.length !== f.inputs.length) return 'takes other fields';
  const names = found.results.map((r) => r.name);
  if (f.results.map((r) => r.name).join('\n') !== names.join('\n')) return 'gives other results';
  return undefined;
}
