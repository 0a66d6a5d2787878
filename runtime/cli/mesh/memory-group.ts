/**
 * A control group of the kernel's (cgroup v2) around one process, where this user may make one: then no moment passes
 * between taking too much and being ended. Rarely so in a shell; so under a service with `Delegate=yes`.
 */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface MemoryGroup {
  /** Whether the kernel has ended a process of it for its memory. */
  readonly ranOut: () => boolean;
  /** When nothing runs in it any more. */
  remove(): void;
}

export interface GroupFiles {
  /** Where control groups are mounted. */
  readonly root: string;
  /** The kernel's list of this process's own groups. */
  readonly own: string;
}

const KERNEL: GroupFiles = { root: '/sys/fs/cgroup', own: '/proc/self/cgroup' };

/**
 * @param bytes that it may take from now on; what it holds already is counted where it was
 * @returns nothing where that is not delegated to this user
 */
export function memoryGroup(pid: number, bytes: number, { root, own }: GroupFiles = KERNEL): MemoryGroup | undefined {
  let place: string | undefined;
  try {
    const [, path] = /^0::(\/.*)$/m.exec(readFileSync(own, 'utf8')) ?? [];
    if (path === undefined) return undefined;
    const parent = join(root, path);
    // Groups below a group with processes cannot be bounded, unless somebody has seen to it.
    if (!readFileSync(join(parent, 'cgroup.subtree_control'), 'utf8').split(/\s+/).includes('memory')) return undefined;
    const group = join(parent, `nmc-${pid}`);
    mkdirSync(group);
    place = group;
    writeFileSync(join(group, 'memory.max'), String(Math.ceil(bytes)));
    writeFileSync(join(group, 'cgroup.procs'), String(pid));
    return { ranOut: () => hasEnded(group), remove: () => removeGroup(group) };
  } catch {
    if (place !== undefined) removeGroup(place);
    return undefined;
  }
}

function hasEnded(group: string): boolean {
  try {
    return /^oom_kill [1-9]/m.test(readFileSync(join(group, 'memory.events'), 'utf8'));
  } catch {
    return false;
  }
}

function removeGroup(group: string): void {
  try {
    rmdirSync(group);
  } catch {
    // Something of it still ends, or it was not a group: an empty one costs nothing.
  }
}
