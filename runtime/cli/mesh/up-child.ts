/** A process of `nmc up`: it ends when this one does, and tells its words into a log. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { jsonLine } from '../../support/emit.ts';
import { EXIT } from '../shell/command.ts';
import { BY_UP, parentEnvironment } from '../shell/with-parent.ts';
import type { TrainerStart } from './start-of-trainer.ts';
import { type Ending, TrainerGuard } from './trainer-guard.ts';

export class Child {
  /** Undefined where it ended without a word. */
  readonly firstLine: Promise<string | undefined>;
  readonly exit: Promise<void>;
  ended = false;
  /** It ended in good order: a trainer that was asked to leave. */
  left = false;
  readonly #process: ChildProcess;
  readonly #guard: TrainerGuard;
  #last = '';

  /**
   * @param args of `nmc`
   * @param log file that its messages go to
   * @param allowed bytes that shards of a trainer may use; no bound when absent
   * @param start of a trainer: how its memory is set
   */
  constructor(
    args: readonly string[],
    log: string,
    env: Readonly<Record<string, string>>,
    allowed?: number,
    { heap, allocation }: TrainerStart = { heap: [], allocation: {} },
  ) {
    const program = process.argv[1] ?? '';
    this.#process = spawn(process.execPath, [...heap, program, ...args], {
      env: { ...allocation, ...process.env, ...env, ...parentEnvironment(BY_UP) },
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
    });
    const words = createWriteStream(log, { flags: 'a' });
    words.on('error', () => undefined);
    this.#process.stderr?.on('data', (data: Buffer) => {
      this.#last = (this.#last + String(data)).slice(-2000);
      words.write(data);
    });
    this.#guard = new TrainerGuard(this.#process, { allowed, log: (event) => words.write(`${jsonLine(event)}\n`) });
    this.exit = new Promise((resolve) => {
      this.#process.on('exit', (code) => {
        this.ended = true;
        this.left = code === EXIT.done;
        words.end();
        resolve();
      });
      this.#process.on('error', () => {
        this.ended = true;
        resolve();
      });
    });
    // A process that ends before it has read leaves a broken pipe, which is not a failure of ours.
    this.#process.stdin?.on('error', () => undefined);
    const lines = this.#process.stdout && createInterface({ input: this.#process.stdout });
    const line = new Promise<string>((resolve) => lines?.once('line', resolve));
    this.firstLine = Promise.race([line, this.exit.then(() => undefined)]);
    lines?.on('line', () => undefined);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Why it was ended, or has ended itself; nothing where it just died. */
  get ending(): Ending | undefined {
    return this.#guard.ending;
  }

  /** Of what it said on standard error. */
  lastWords(): string {
    return this.#last.trim().split('\n').slice(-3).join(' ') || 'without a message';
  }

  tell(words: string): void {
    this.#process.stdin?.write(words);
  }

  kill(): void {
    if (!this.ended) this.#process.kill('SIGKILL');
  }
}
