/**
 * Watches over the process of a trainer from outside: what runs there is the work of others, and one that holds more
 * memory than was lent is ended before the machine suffers.
 */
import type { ChildProcess } from 'node:child_process';
import { nmc } from '../../support/command-text.ts';
import type { ErrorCode } from '../../support/error-codes.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import type { ToParent } from '../shell/with-parent.ts';
import { type MemoryGroup, memoryGroup } from './memory-group.ts';
import { watchMemory } from './watch-memory.ts';

/**
 * Beside `--max-memory` and what the runtime held before there was a shard: what it takes to read a plan, to lower it,
 * and to hold messages on their way.
 */
export const MARGIN_BYTES = 256e6;

/** Why a trainer did not end in good order, as an error says it. */
export interface Ending {
  readonly code: ErrorCode;
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
  #endWatch: (() => void) | undefined;
  #ending: Ending | undefined;
  #limit = 0;
  #group: MemoryGroup | undefined;

  constructor(child: ChildProcess, options: GuardOptions) {
    this.#child = child;
    this.#options = options;
    child.on('message', (message: ToParent) => this.#hear(message));
    child.on('exit', () => {
      this.#endWatch?.();
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
    if (allowed === undefined || this.#endWatch !== undefined) return;
    this.#limit = allowed + message.bytes + margin;
    const { pid } = this.#child;
    if (pid !== undefined) this.#group = memoryGroup(pid, allowed + margin);
    this.#endWatch = watchMemory(pid, this.#limit, (bytes) => this.#end(bytes, this.#limit), this.#options.resident);
  }

  #end(bytes: number, limit: number): void {
    if (this.#ending) return;
    this.#endWatch?.();
    this.#child.kill('SIGKILL');
    this.#tell(bytes, limit);
  }

  /** @param bytes that it held; not known where the kernel has ended it */
  #tell(bytes: number | undefined, limit: number): void {
    if (this.#ending) return;
    const { allowed = 0, margin = MARGIN_BYTES, log } = this.#options;
    log({ event: 'memory', pid: this.#child.pid, ...(bytes === undefined ? {} : { bytes }), limit });
    const held = bytes === undefined ? '' : `${formatBytes(bytes)}, `;
    const parts = `--max-memory ${formatBytes(allowed)}, the runtime itself and ${formatBytes(margin)} on top`;
    this.#ending = {
      code: 'trainer/memory',
      message: `the trainer was ended: it held ${held}more than the ${formatBytes(limit)} it may (${parts})`,
      repair: `do not trust a plan that needs more than it says; to see what it worked on: ${nmc`logs RUN`}`,
    };
  }
}
