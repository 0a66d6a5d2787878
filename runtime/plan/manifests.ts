/** Whether what the CPU device would run takes and gives what the program says. */
import type { CpuManifest, LaidOut } from '../../spec/cpu-manifest.ts';
import { type Program, type ProgramFunction, type Shape, sameShape, sizeOf } from '../../spec/program.ts';
import { cpuKernelsProblem, isObject } from './cpu-kernels.ts';
import { isScalar } from './sound-scalar.ts';

/**
 * @param files of the CPU device, by path
 * @returns what does not agree, or nothing
 */
export function manifestProblem(program: Program, files: ReadonlyMap<string, Uint8Array>): string | undefined {
  const functions = new Map(program.functions.map((f) => [`cpu/${f.name}.json`, f]));
  // A plan without the CPU's form runs on other devices.
  for (const [path, bytes] of files) {
    if (!path.endsWith('.json')) continue;
    const f = functions.get(path);
    const problem = f ? compare(parse(bytes), f, program) : 'describes no function of its program';
    if (problem !== undefined) return `${path} ${problem}`;
  }
  return undefined;
}

function parse(bytes: Uint8Array): Partial<CpuManifest> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

function compare(manifest: Partial<CpuManifest> | null, f: ProgramFunction, program: Program): string | undefined {
  const { fields, states, scalars, outputs, graphNames = {} } = manifest ?? {};
  if (![fields, states, scalars, outputs].every(Array.isArray) || !fields || !states || !scalars || !outputs)
    return 'is not the description of a function';
  if (![fields, outputs, manifest?.laidOut ?? []].flat().every(isObject)) return 'is not the description of a function';
  if (manifest?.function !== f.name) return 'is the description of another function';
  if (!scalars.every((s) => isScalar(s))) return 'has a scalar that cannot be worked out';
  if (typeof graphNames !== 'object' || !Object.values(graphNames).every((name) => typeof name === 'string'))
    return 'gives its inputs no names';
  for (const { field, type, shape } of fields) {
    const input = f.inputs.find((i) => i.field === field);
    if (!input || input.type !== type || !same(input.shape, shape)) return `takes ${field}, the program does not`;
  }
  const shapes = new Map(program.states.map((s) => [s.id, s.shape]));
  for (const id of states) if (!shapes.has(id)) return `reads ${id}, which is no state`;
  for (const wanted of manifest?.laidOut ?? []) {
    const problem = layoutProblem(wanted, shapes);
    if (problem !== undefined) return problem;
  }
  const results = resultShapes(f, program);
  for (const output of outputs) {
    const agrees =
      'state' in output
        ? same(shapes.get(output.state) ?? [Number.NaN], output.shape)
        : !('result' in output) || same(results.get(output.result) ?? [Number.NaN], output.shape);
    if (!agrees) return `gives ${String(output.output)}, the program does not`;
  }
  return cpuKernelsProblem(manifest ?? {}, f, shapes);
}

/** What the device lays out is written by places that a state names: they must be of one list. */
function layoutProblem(wanted: LaidOut, shapes: ReadonlyMap<string, Shape>): string | undefined {
  const places = shapes.get(wanted.connections);
  const [pages, rows, columns, ...more] = Array.isArray(wanted.shape) ? (wanted.shape as readonly unknown[]) : [];
  const whole = [pages, rows, columns].every((n) => Number.isInteger(n) && (n as number) >= 1) && more.length === 0;
  if (!places || !whole || sizeOf(places) % (2 * (pages as number)) !== 0) return `lays out ${wanted.input} wrongly`;
  if (wanted.kind !== 'matrix') return undefined;
  const values = shapes.get(wanted.values);
  return values && 2 * sizeOf(values) === sizeOf(places) ? undefined : `lays out ${wanted.input} wrongly`;
}

/** Shapes of a function's results. */
function resultShapes(f: ProgramFunction, program: Program): ReadonlyMap<string, Shape> {
  const shapes = new Map<string, Shape>();
  for (const { id, shape } of [...program.states, ...f.inputs]) shapes.set(id, shape);
  for (const { scalars, ops, carries } of f.blocks) {
    for (const { id } of scalars) shapes.set(id, []);
    for (const { id, shape } of ops) shapes.set(id, shape);
    for (const { id, result, shape } of carries) shapes.set(id, shape).set(result, shape);
  }
  return new Map(f.results.map((r) => [r.name, shapes.get(r.value) ?? [Number.NaN]]));
}

function same(a: Shape, b: unknown): boolean {
  return Array.isArray(b) && sameShape(a, b);
}
