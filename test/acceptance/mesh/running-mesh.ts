/** `nmc up` for a measurement: a mesh of its own in a folder, with what a person would type. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { removeFolder } from '../../support/remove-folder.ts';
import { type Ended, jsonLines, plainEnvironment, processorSecondsOf, remembered, runCommand } from '../process.ts';
import { StatusWatch } from './status-watch.ts';

export type Json = Readonly<Record<string, unknown>>;

export class RunningMesh {
  readonly folder: string;
  protected readonly nmc: string;
  protected readonly env: NodeJS.ProcessEnv;
  readonly #kept: readonly string[];
  #process: ChildProcess | undefined;
  protected address = '';
  pids: readonly number[] = [];
  /** Of its trainers. */
  names: readonly string[] = [];

  /**
   * @param name of its folder, which is emptied; what the machine reaches is measured once for all of them
   * @param kept where the mesh is kept, as options of `nmc up`; none: on its own disk
   */
  constructor(root: string, name: string, kept: readonly string[] = []) {
    const all = join(root, '.cache', 'acceptance', 'mesh');
    this.folder = join(all, name);
    removeFolder(this.folder);
    mkdirSync(this.folder, { recursive: true });
    this.#kept = kept;
    this.nmc = join(root, 'dist/nmc.cjs');
    this.env = plainEnvironment({ NMC_CONFIG: join(all, 'config') });
  }

  async up(trainers: number, delay: number): Promise<void> {
    const args = ['up', '--trainers', String(trainers), '--port', '0', '--state', 'state', '--json', ...this.#kept];
    if (delay > 0) args.push('--delay', String(delay));
    const child = remembered(
      spawn(process.execPath, [this.nmc, ...args], {
        cwd: this.folder,
        env: this.env,
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
    this.#process = child;
    const line = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).once('line', resolve);
      child.once('exit', () => reject(new Error('nmc up has ended')));
    });
    const event = JSON.parse(line) as { event: string; address: string; trainers: { pid: number; name: string }[] };
    if (event.event !== 'up') throw new Error(`nmc up: ${line}`);
    this.address = event.address;
    this.pids = event.trainers.map((t) => t.pid);
    this.names = event.trainers.map((t) => t.name);
  }

  /** Of the process that everything else runs under. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Arguments of Node, of a command of the mesh. */
  protected commandLine(...args: string[]): string[] {
    return [this.nmc, ...args, '--mesh', this.address, '--json'];
  }

  run(...args: string[]): Promise<Ended> {
    return runCommand(process.execPath, [this.nmc, ...args], { cwd: this.folder, env: this.env });
  }

  /** A command of the mesh, which may fail. */
  ask(...args: string[]): Promise<Ended> {
    return runCommand(process.execPath, this.commandLine(...args), { cwd: this.folder, env: this.env });
  }

  /** @throws Error where it fails */
  async json(...args: string[]): Promise<Json[]> {
    const end = await this.ask(...args);
    if (end.code !== 0) throw new Error(`nmc ${args.join(' ')}: ${end.tail}`);
    return jsonLines(end.lines);
  }

  /** What the mesh says of itself every second, from one process: none begins while something is measured. */
  watch(): StatusWatch {
    const args = this.commandLine('status', '--watch');
    return new StatusWatch(
      remembered(
        spawn(process.execPath, args, { cwd: this.folder, env: this.env, stdio: ['ignore', 'pipe', 'inherit'] }),
      ),
    );
  }

  /** On a crowded machine the mesh may not answer in time: then it is asked again. */
  async status(): Promise<Json> {
    let last: unknown;
    for (let attempt = 0; attempt < 5; attempt++) {
      try {
        const [status = {}] = await this.json('status');
        return status;
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  async down(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGINT');
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await ended;
    clearTimeout(timer);
  }

  /** Seconds of processor time that the trainers have used; nothing where the system does not say. */
  processorSeconds(): number | undefined {
    const used = this.pids.map(processorSecondsOf);
    return used.reduce<number | undefined>(
      (sum, own) => (sum === undefined || own === undefined ? undefined : sum + own),
      0,
    );
  }
}
