/** Processes under attack: started, watched, and ended by their test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { bundleProgram } from '../../../support/bundle-program.ts';
import { ROOT } from '../../../support/repository.ts';

export class Watched {
  readonly child: ChildProcess;
  readonly firstLine: Promise<string>;
  ended: string | undefined;
  errors = '';
  #before = 0;

  constructor(args: readonly string[], cwd: string) {
    const { NMC_DATA: _data, NMC_DEBUG: _debug, NODE_OPTIONS: _options, ...environment } = process.env;
    const env = { ...environment, NMC_CONFIG: join(cwd, 'config') };
    this.child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.child.stderr?.on('data', (text: Buffer) => {
      this.errors = (this.errors + String(text)).slice(-20_000);
    });
    this.child.on('exit', (code, signal) => {
      this.ended = `ended with ${signal ?? code}: ${this.errors.slice(-3000)}`;
    });
    const lines = this.child.stdout && createInterface({ input: this.child.stdout });
    this.firstLine = new Promise((resolve, reject) => {
      lines?.once('line', resolve);
      this.child.on('exit', () => reject(new Error(this.ended)));
    });
    this.firstLine.then(
      () => {
        this.#before = this.memory;
      },
      () => undefined,
    );
  }

  /** Resident megabytes; 0 where the system does not say. */
  get memory(): number {
    try {
      const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
    } catch {
      return 0;
    }
  }

  /** Megabytes more than when it had started. */
  get growth(): number {
    return this.memory - this.#before;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}

/** @returns arguments of Node for a script of this folder, which is bundled first. */
export async function scriptOf(name: string): Promise<string> {
  const outfile = join(ROOT, '.cache', 'test', `${name}-${process.pid}.mjs`);
  await bundleProgram(join(ROOT, 'test/mesh/hostile/raw', `${name}.ts`), outfile);
  return outfile;
}
