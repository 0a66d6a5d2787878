/** A mesh for a measurement that is kept in a server of NATS, with as many synchronizers as are asked for. */
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { NatsServer } from '../../support/nats/server.ts';
import { waitUntil } from '../../support/wait-for.ts';
import { processorSecondsOf, remembered } from '../process.ts';
import { type Json, RunningMesh } from './running-mesh.ts';

/** One synchronizer, as it announces itself. */
export interface Gateway {
  readonly address: string;
  readonly key: string;
  readonly pid: number;
}

const UP_WITHIN = { within: 240_000, every: 500 };

export class RunningNatsMesh extends RunningMesh {
  readonly #server = new NatsServer();
  readonly #children: ChildProcess[] = [];
  gateways: readonly Gateway[] = [];

  /** @param delay none: trainers of one machine */
  override async up(trainers: number, delay: number, synchronizers = 1): Promise<void> {
    if (delay > 0) throw new Error('links of trainers are not emulated here');
    await this.#server.start();
    const made = await this.run('mesh', 'init', ...this.#nats());
    if (made.code !== 0) throw new Error(`mesh init: ${made.tail}`);
    for (let i = 0; i < synchronizers; i++) this.gateways = [...this.gateways, await this.#synchronizer(i)];
    this.address = this.gateways[0]?.address ?? '';
    this.names = Array.from({ length: trainers }, (_, i) => `trainer-${i + 1}`);
    for (const [i, name] of this.names.entries()) await this.#trainer(i, name);
    await waitUntil('all trainers', async () => (await this.members()) === trainers, UP_WITHIN);
    this.pids = (await this.#trainers()).map(({ pid }) => Number(pid));
  }

  /** Trainers that the mesh hears. */
  async members(): Promise<number> {
    return (await this.#trainers()).length;
  }

  async #trainers(): Promise<readonly Json[]> {
    return ((await this.status()).trainers ?? []) as Json[];
  }

  /** Of the server of NATS. */
  get serverPid(): number | undefined {
    return this.#server.pid;
  }

  /** @returns seconds of processor time that the synchronizers have used, and the server */
  used(): { readonly synchronizers: readonly number[]; readonly server: number } {
    const of = (pid: number | undefined): number =>
      (pid === undefined ? undefined : processorSecondsOf(pid)) ?? Number.NaN;
    return { synchronizers: this.gateways.map(({ pid }) => of(pid)), server: of(this.serverPid) };
  }

  override async down(): Promise<void> {
    const running = this.#children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    const ended = running.map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of running) child.kill('SIGINT');
    const timer = setTimeout(() => {
      for (const child of running) child.kill('SIGKILL');
    }, 20_000);
    await Promise.all(ended);
    clearTimeout(timer);
    await this.#server.remove();
  }

  #nats(): string[] {
    return ['--nats', this.#server.url, '--accept-older-server'];
  }

  async #synchronizer(number: number): Promise<Gateway> {
    const state = join(this.folder, `synchronizer-${number}`);
    mkdirSync(state, { recursive: true, mode: 0o700 });
    // All synchronizers of a mesh have one key.
    if (number > 0) copyFileSync(join(this.folder, 'synchronizer-0', 'key.json'), join(state, 'key.json'));
    const child = this.#start(['synchronizer', '--listen', '127.0.0.1:0', '--state', state, '--json', ...this.#nats()]);
    const line = await new Promise<string>((resolve, reject) => {
      if (child.stdout) createInterface({ input: child.stdout }).once('line', resolve);
      child.once('exit', () => reject(new Error('a synchronizer has ended')));
    });
    const { address, key } = JSON.parse(line) as Gateway;
    return { address, key, pid: child.pid ?? 0 };
  }

  async #trainer(number: number, name: string): Promise<void> {
    const [{ invite } = {}] = await this.json('keys', 'invite');
    const { address, key } = this.gateways[number % this.gateways.length] ?? { address: '', key: '' };
    const args = ['join', address, '--fingerprint', key, '--name', name, '--state', join('trainers', name), '--json'];
    this.#start(args, { NMC_INVITE: String(invite) });
  }

  #start(args: readonly string[], more: Readonly<Record<string, string>> = {}): ChildProcess {
    const child = remembered(
      spawn(process.execPath, [this.nmc, ...args], {
        cwd: this.folder,
        env: { ...this.env, ...more },
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
    this.#children.push(child);
    // Only its first line is read.
    child.stdout?.resume();
    return child;
  }
}
