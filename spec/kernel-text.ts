/**
 * Kernels as text, one line per fact, and back: `parseKernels(printKernels(k))` equals `k`.
 *
 *   dispatch product-1f0a3b9c44d2 [8, 4, 1] ["%3","pixels->h1.w","%7"] {"rows":128} flops 25690112  ; link …
 *
 * A persistent kernel has its parts behind its module, and its steps behind its dispatch:
 *
 *   part product0 {"left":"read values","right":"read states","out0":"write values"}
 *   step product0 ["%3","pixels->h1.w","%7"] waits flops 128  ; link …
 */
import type {
  Arena,
  Dispatch,
  KernelBuffer,
  KernelFunction,
  KernelInput,
  KernelModule,
  KernelPart,
  KernelProgram,
  KernelScalars,
  KernelStep,
  KernelTensor,
  Region,
} from './kernels.ts';
import { reasonOf } from './reason-of.ts';

const json = (value: unknown): string => JSON.stringify(value);
const showRegion = (r: Region): string => `${json(r.name)} at ${json(r.arena)} ${r.offset} : ${r.elements}`;

export function printKernels(program: KernelProgram): string {
  const lines = [
    `kernels ${json(program.name)}`,
    ...program.arenas.map((a) => `arena ${json(a.name)} : ${a.elements}`),
    ...program.modules.flatMap(showModule),
    ...program.states.map((s) => `state ${showRegion(s)}`),
    ...program.functions.flatMap((f) => ['', ...printFunction(f)]),
  ];
  return `${lines.join('\n')}\n`;
}

function printFunction(f: KernelFunction): string[] {
  return [
    `function ${json(f.name)} batch ${f.batch} binds ${json(f.bound)}`,
    ...f.inputs.map((i) => `  input ${json(i.field)} ${i.type} ${json(i.shape)} = ${json(i.region)}`),
    ...f.regions.map((r) => `  region ${showRegion(r)}`),
    ...f.scalars.map((s) => `  scalars ${json(s.region)} = ${json(s.values)}`),
    ...f.dispatches.flatMap(showDispatch),
    ...f.copies.map((c) => `  copy ${json(c.from)} -> ${json(c.to)}`),
    ...f.results.map((r) => `  result ${json(r.name)} = ${json(r.region)}`),
  ];
}

/** Buffers as `NAME: "BINDING ACCESS"`, tensors as `NAME: "ACCESS BUFFER"`. */
function showModule({ id, buffers, tensors, parts, places }: KernelModule): string[] {
  const bound = Object.fromEntries(buffers.map((b) => [b.name, `${b.binding} ${b.access}`]));
  const used = (those: readonly KernelTensor[]): string =>
    json(Object.fromEntries(those.map((t) => [t.name, `${t.access} ${buffers[t.buffer]?.name}`])));
  return [
    `module ${id} ${json(bound)} ${used(tensors)} places ${places}`,
    ...parts.map((part) => `  part ${part.name} ${used(part.tensors)}`),
  ];
}

function showDispatch(d: Dispatch): string[] {
  return [
    `  dispatch ${d.module} ${json(d.groups)} ${json(d.regions)} ${json(d.constants)} flops ${d.flops}  ; ${d.serves}`,
    ...d.steps.map(showStep),
  ];
}

function showStep({ part, waits, regions, serves, flops }: KernelStep): string {
  return `    step ${part} ${json(regions)} ${waits ? 'waits' : 'goes on'} flops ${flops}  ; ${serves}`;
}

/** A line of a kernel text that cannot be read. */
export class KernelTextError extends Error {
  override readonly name = 'KernelTextError';
}

interface FunctionDraft {
  name: string;
  batch: number;
  inputs: KernelInput[];
  regions: Region[];
  bound: string[];
  scalars: KernelScalars[];
  dispatches: (Dispatch & { steps: KernelStep[] })[];
  copies: KernelFunction['copies'][number][];
  results: KernelFunction['results'][number][];
}

interface Draft {
  name: string | undefined;
  arenas: Arena[];
  modules: (KernelModule & { parts: KernelPart[] })[];
  states: Region[];
  functions: FunctionDraft[];
}

const TEXT = String.raw`("(?:[^"\\]|\\.)*")`;
const REGION = String.raw`${TEXT} at ${TEXT} (\d+) : (\d+)`;

type Reader = (draft: Draft, groups: readonly string[]) => void;

const readers: readonly (readonly [RegExp, Reader])[] = [
  [new RegExp(`^kernels ${TEXT}$`), (draft, [name]) => { draft.name = parse(name); }], // biome-ignore format: one row
  [
    new RegExp(`^arena ${TEXT} : (\\d+)$`),
    (draft, [name, elements]) => draft.arenas.push({ name: parse(name), elements: Number(elements) }),
  ],
  [
    /^module (\S+) (\{.*?\}) (\{.*\}) places (overrides|uniform|table)$/,
    (draft, [id = '', bound, used, places]) => {
      const buffers = Object.entries(parse<Record<string, string>>(bound)).map(readBuffer);
      const tensors = readTensors(used, buffers);
      draft.modules.push({ id, buffers, tensors, parts: [], places: places as KernelModule['places'] });
    },
  ],
  [
    /^part (\S+) (\{.*\})$/,
    (draft, [name = '', used]) => {
      const { buffers, parts } = lastOf(draft.modules, 'a module');
      parts.push({ name, tensors: readTensors(used, buffers) });
    },
  ],
  [new RegExp(`^state ${REGION}$`), (draft, groups) => draft.states.push(readRegion(groups))],
  [
    new RegExp(`^function ${TEXT} batch (\\d+) binds (\\[.*\\])$`),
    (draft, [name, batch, bound]) =>
      draft.functions.push({
        name: parse(name),
        batch: Number(batch),
        bound: parse(bound),
        inputs: [],
        regions: [],
        scalars: [],
        dispatches: [],
        copies: [],
        results: [],
      }),
  ],
  [
    new RegExp(`^input ${TEXT} (u8|i32|f32) (\\[[\\d,]*\\]) = ${TEXT}$`),
    (draft, [field, type, shape, region]) =>
      current(draft).inputs.push({
        field: parse(field),
        type: type as KernelInput['type'],
        shape: parse(shape),
        region: parse(region),
      }),
  ],
  [new RegExp(`^region ${REGION}$`), (draft, groups) => current(draft).regions.push(readRegion(groups))],
  [
    new RegExp(`^scalars ${TEXT} = (\\[.*\\])$`),
    (draft, [region, list]) => current(draft).scalars.push({ region: parse(region), values: parse(list) }),
  ],
  [
    /^dispatch (\S+) (\[[\d,]*\]) (\[.*\]) (\{[^{}]*\}) flops (\d+) {2}; (.*)$/,
    (draft, [module = '', groups, regions, constants, flops, serves = '']) =>
      current(draft).dispatches.push({
        module,
        groups: parse(groups),
        regions: parse(regions),
        constants: parse(constants),
        steps: [],
        serves,
        flops: Number(flops),
      }),
  ],
  [
    /^step (\S+) (\[.*\]) (waits|goes on) flops (\d+) {2}; (.*)$/,
    (draft, [part = '', regions, waits, flops, serves = '']) => {
      const step = { part, waits: waits === 'waits', regions: parse<string[]>(regions), serves, flops: Number(flops) };
      lastOf(current(draft).dispatches, 'a dispatch').steps.push(step);
    },
  ],
  [
    new RegExp(`^copy ${TEXT} -> ${TEXT}$`),
    (draft, [from, to]) => current(draft).copies.push({ from: parse(from), to: parse(to) }),
  ],
  [
    new RegExp(`^result ${TEXT} = ${TEXT}$`),
    (draft, [name, region]) => current(draft).results.push({ name: parse(name), region: parse(region) }),
  ],
];

/** @throws KernelTextError for a line that says nothing known */
export function parseKernels(text: string): KernelProgram {
  const draft: Draft = { name: undefined, arenas: [], modules: [], states: [], functions: [] };
  text.split('\n').forEach((raw, index) => {
    const line = raw.trimStart();
    if (line === '') return;
    try {
      readLine(draft, line);
    } catch (error) {
      const why = reasonOf(error);
      throw new KernelTextError(`line ${index + 1}: ${why}: ${line.slice(0, 200)}`);
    }
  });
  const { name, ...rest } = draft;
  if (name === undefined) throw new KernelTextError('line 1: a kernel text begins with `kernels NAME`');
  return { name, ...rest };
}

function readLine(draft: Draft, line: string): void {
  for (const [pattern, read] of readers) {
    const match = pattern.exec(line);
    if (!match) continue;
    read(draft, match.slice(1));
    return;
  }
  throw new Error('says nothing known');
}

function readRegion([name, arena, offset, elements]: readonly string[]): Region {
  return { name: parse(name), arena: parse(arena), offset: Number(offset), elements: Number(elements) };
}

function readBuffer([name, text]: readonly [string, string]): KernelBuffer {
  const [binding, access] = text.split(' ');
  return { name, binding: Number(binding), access: access as KernelBuffer['access'] };
}

function readTensors(text: string | undefined, buffers: readonly KernelBuffer[]): KernelTensor[] {
  return Object.entries(parse<Record<string, string>>(text)).map((entry) => readTensor(entry, buffers));
}

function readTensor([name, text]: readonly [string, string], buffers: readonly KernelBuffer[]): KernelTensor {
  const [access, buffer] = text.split(' ');
  return { name, access: access as KernelTensor['access'], buffer: buffers.findIndex((b) => b.name === buffer) };
}

const current = (draft: Draft): FunctionDraft => lastOf(draft.functions, 'a function');

function lastOf<T>(list: readonly T[], what: string): T {
  const last = list.at(-1);
  if (last === undefined) throw new Error(`stands outside ${what}`);
  return last;
}

function parse<T>(text: string | undefined): T {
  return JSON.parse(text ?? '') as T;
}
