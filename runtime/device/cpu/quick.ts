/**
 * Small functions in the thread that asks: to hand one sample to another thread and its result back takes longer than a
 * small network does. They only read states, so that it does not matter that they have their own of them.
 */
import type { CpuManifest } from '../../../spec/cpu-manifest.ts';
import type { State } from '../../../spec/program.ts';
import type { DeviceSession, Executable, Tensor } from '../device.ts';
import { readManifest } from './manifest.ts';

/** The same session, but for its program's quick functions. */
export function besideQuick(session: DeviceSession, { program, files, quick = [] }: Executable): DeviceSession {
  const manifests = quick.flatMap((name) => manifestOf(files, name) ?? []).filter(changesNothing);
  if (manifests.length === 0) return session;
  const functions = new QuickFunctions({ program, files }, manifests);
  const names = new Set(manifests.map((m) => m.function));
  return {
    ...session,
    write: async (state, values) => {
      functions.write(state, values);
      await session.write(state, values);
    },
    run: (name, inputs, position) => {
      if (!names.has(name)) return session.run(name, inputs, position);
      const copies = Object.fromEntries(Object.entries(inputs).map(([field, data]) => [field, data.slice()]));
      return functions.opened().then((here) => here.run(name, copies, position));
    },
    prepare: (name) => {
      if (!names.has(name)) session.prepare(name);
      else
        functions.opened().then(
          (here) => here.prepare(name),
          () => undefined,
        );
    },
    close: async () => {
      await Promise.all([session.close(), functions.close()]);
    },
  };
}

/** Opened when one of them is wanted, with the values that states have then; anew when these have changed. */
class QuickFunctions {
  readonly #executable: Executable;
  readonly #manifests: readonly CpuManifest[];
  readonly #states: ReadonlyMap<string, State>;
  readonly #values = new Map<string, Float32Array>();
  #here: Promise<DeviceSession> | undefined;

  constructor(executable: Executable, manifests: readonly CpuManifest[]) {
    const read = new Set(manifests.flatMap((m) => [...m.states, ...laidOutStates(m)]));
    this.#executable = executable;
    this.#manifests = manifests;
    this.#states = new Map(executable.program.states.filter((s) => read.has(s.id)).map((s) => [s.id, s]));
  }

  write(state: string, values: Tensor): void {
    if (!this.#states.has(state)) return;
    this.#values.set(state, Float32Array.from(values));
    const before = this.#here;
    this.#here = undefined;
    if (before) closeBehind(before);
  }

  opened(): Promise<DeviceSession> {
    this.#here ??= this.#open();
    return this.#here;
  }

  async close(): Promise<void> {
    await (await this.#here)?.close();
  }

  async #open(): Promise<DeviceSession> {
    const [{ openHere }, { withConstants }] = await Promise.all([import('./here.ts'), import('./constant-states.ts')]);
    const files = new Map<string, Uint8Array>();
    for (const manifest of this.#manifests) {
      const path = `cpu/${manifest.function}`;
      const graph = this.#executable.files.get(`${path}.onnx`);
      const constants = manifest.states.map((id) => ({
        name: manifest.graphNames?.[id] ?? id,
        shape: this.#states.get(id)?.shape ?? [],
        values: this.#values.get(id),
      }));
      if (graph) files.set(`${path}.onnx`, withConstants(graph, constants));
      files.set(`${path}.json`, new TextEncoder().encode(JSON.stringify({ ...manifest, states: [] })));
    }
    const laidOut = new Set(this.#manifests.flatMap(laidOutStates));
    const states = [...this.#states.values()].filter((s) => laidOut.has(s.id));
    // A thread of its own would wait for work, and take the processor from those that have some.
    const here = openHere({ program: { ...this.#executable.program, states }, files }, 1);
    for (const { id } of states) {
      const values = this.#values.get(id);
      if (values) await here.write(id, values);
    }
    return here;
  }
}

function closeBehind(opened: Promise<DeviceSession>): void {
  opened.then((here) => here.close()).catch(() => undefined);
}

function manifestOf(files: Executable['files'], name: string): CpuManifest | undefined {
  const bytes = files.get(`cpu/${name}.json`);
  return bytes && readManifest(bytes);
}

/** It is a graph alone, and leaves every state as it is. */
function changesNothing({ outputs, kernels }: CpuManifest): boolean {
  return kernels.length === 0 && outputs.every((o) => !('state' in o));
}

function laidOutStates({ laidOut = [] }: CpuManifest): string[] {
  return laidOut.flatMap((l) => ('values' in l ? [l.connections, l.values] : [l.connections]));
}
