/** The modules of a program. Modules of the same text are one. */
import { createHash } from 'node:crypto';
import type { KernelModule, KernelTensor } from '../../../spec/kernels.ts';
import { comment, type WrittenKernel } from './kernel.ts';

export class Modules {
  readonly list: KernelModule[] = [];
  readonly #found = new Map<string, { readonly text: string; readonly serves: Set<string> }>();

  /** @returns the module's name */
  add({ kind, text, buffers, tensors: written, parts, serves }: WrittenKernel, places: KernelModule['places']): string {
    const tensors = written.map(({ name, access, buffer }) => ({ name, access, buffer }));
    const of = (those: readonly KernelTensor[]): string => those.map((t) => t.access).join(' ');
    const accesses = [of(tensors), ...parts.map((p) => of(p.tensors))].join('; ');
    const id = `${kind}-${createHash('sha256').update(`${accesses}\n${text}`).digest('hex').slice(0, 12)}`;
    const known = this.#found.get(id);
    if (known) known.serves.add(serves);
    else {
      this.#found.set(id, { text, serves: new Set([serves]) });
      this.list.push({ id, buffers, tensors, parts, places });
    }
    return id;
  }

  texts(): Map<string, string> {
    return new Map([...this.#found].map(([id, { text, serves }]) => [id, `${comment(serves).join('\n')}\n${text}`]));
  }
}
