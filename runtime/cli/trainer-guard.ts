/**
 * Watches over the process of a trainer from outside: what runs there is the work of others, and one that holds more
 * memory than was lent is ended before the machine suffers.
 */
import { type ChildProcess, execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { formatBytes } from '../support/format-numbers.ts';
import { type MemoryGroup, memoryGroup } from './memory-group.ts';
import type { ToParent } from './with-parent.ts';

/**
 * Beside `--max-memory` and what the runtime held before there was a shard: what it takes to read a plan, to lower it,
 * and to hold messages on their way.
 */
export const MARGIN_BYTES = 256e6;
const LOOK_EVERY = 100;

/** Why a trainer did not end in good order, as an error says it. */
export interface Ending {
  readonly code: string;
  readonly message: string;
  readonly repair: string;
}

export interface GuardOptions {
  /** Bytes that shards may use; no bound when absent. */
  readonly allowed: number | undefined;
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
  readonly margin?: number;
  /** Of a process; nothing where it cannot be told. */
  readonly resident?: (pid: number) => Promise<number | undefined>;
}

export class TrainerGuard {
  readonly #child: ChildProcess;
  readonly #options: GuardOptions;
  #timer: NodeJS.Timeout | undefined;
  #ending: Ending | undefined;
  #limit = 0;
  #group: MemoryGroup | undefined;

  constructor(child: ChildProcess, options: GuardOptions) {
    this.#child = child;
    this.#options = options;
    child.on('message', (message: ToParent) => this.#hear(message));
    child.on('exit', () => {
      clearInterval(this.#timer);
      if (this.#group?.ranOut()) this.#tell(undefined, this.#limit);
      this.#group?.remove();
    });
  }

  /** Known when the process has ended; nothing where it ended by itself, or by somebody else. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  #hear(message: ToParent): void {
    if (message.event === 'stuck') {
      this.#ending = {
        code: 'device/stuck',
        message: `the trainer has ended itself: ${message.reason}`,
        repair: 'join again; a smaller --max-memory takes smaller shards',
      };
      return;
    }
    const { allowed, margin = MARGIN_BYTES } = this.#options;
    if (allowed === undefined || this.#timer !== undefined) return;
    this.#limit = allowed + message.bytes + margin;
    const { pid } = this.#child;
    if (pid !== undefined) this.#group = memoryGroup(pid, allowed + margin);
    this.#watch(this.#limit);
  }

  #watch(limit: number): void {
    const { resident = residentBytes } = this.#options;
    const { pid } = this.#child;
    let looking = false;
    this.#timer = setInterval(async () => {
      if (looking || pid === undefined) return;
      looking = true;
      const bytes = await resident(pid);
      looking = false;
      if (bytes !== undefined && bytes > limit) this.#end(bytes, limit);
    }, LOOK_EVERY);
  }

  #end(bytes: number, limit: number): void {
    if (this.#ending) return;
    clearInterval(this.#timer);
    this.#child.kill('SIGKILL');
    this.#tell(bytes, limit);
  }

  /** @param bytes that it held; not known where the kernel has ended it */
  #tell(bytes: number | undefined, limit: number): void {
    if (this.#ending) return;
    const { allowed = 0, margin = MARGIN_BYTES, log } = this.#options;
    log({ event: 'memory', pid: this.#child.pid, ...(bytes === undefined ? {} : { bytes }), limit });
    const held = bytes === undefined ? 'more than it may' : formatBytes(bytes);
    this.#ending = {
      code: 'trainer/memory',
      message: `the trainer was ended: it held ${held}, and ${formatBytes(limit)} is the most (--max-memory ${formatBytes(allowed)}, the runtime itself and ${formatBytes(margin)} beside)`,
      repair: 'nmc logs RUN says what it worked on; a plan that says less than it needs is not to be trusted',
    };
  }
}

/** What a process holds in memory now. */
export async function residentBytes(pid: number): Promise<number | undefined> {
  if (process.platform === 'linux') {
    try {
      const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
      return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
    } catch {
      return undefined;
    }
  }
  if (process.platform === 'win32') return undefined;
  return new Promise((resolve) => {
    execFile('ps', ['-o', 'rss=', '-p', String(pid)], (error, output) => {
      resolve(error || !/^\s*\d+\s*$/.test(output) ? undefined : Number(output) * 1024);
    });
  });
}
