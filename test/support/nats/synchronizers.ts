/** Synchronizers and trainers as processes, for a mesh that is kept in NATS. */
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { inviteText } from '../../../runtime/cli/mesh/invite-argument.ts';
import { readKey } from '../../../runtime/identity/key-file.ts';
import { type Address, parseAddress } from '../../../runtime/net/address.ts';
import { dial } from '../../../runtime/net/dial.ts';
import type { Link } from '../../../runtime/net/link.ts';
import { inviteKeyText, newInvite } from '../../../runtime/net/membership.ts';
import type { MeshStatus } from '../../../runtime/net/mesh-status.ts';
import { EnvironmentError } from '../../../runtime/support/errors.ts';
import type { Question } from '../../../runtime/wire/messages.ts';
import { writeMachineRecord } from '../machine-record.ts';
import { type JsonLine, jsonLines, nmc, type Outcome, temporaryFolder } from '../nmc.ts';
import { natsArguments } from './mesh.ts';
import { NatsServer } from './server.ts';

interface Started {
  readonly address: string;
  readonly key: string;
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
}

/** A mesh in a server of its own, both of which end with the tests of the file. */
export function natsMesh(): { readonly folder: string; readonly server: NatsServer; readonly mesh: NatsMesh } {
  const folder = temporaryFolder();
  const server = new NatsServer();
  const mesh = new NatsMesh(folder, server);
  beforeAll(() => server.start());
  afterAll(async () => {
    await mesh.end();
    await server.remove();
  });
  return { folder, server, mesh };
}

export class NatsMesh {
  readonly #folder: string;
  readonly #servers: readonly NatsServer[];
  readonly #synchronizers = new Map<string, Running & Started>();
  readonly #trainers = new Map<string, Running>();
  readonly #links = new Map<string, Link>();

  /** @param servers that run when the mesh is begun */
  constructor(folder: string, ...servers: NatsServer[]) {
    this.#folder = folder;
    this.#servers = servers;
    writeMachineRecord(join(folder, 'config'));
  }

  async init(): Promise<void> {
    const { code, stderr } = await this.nmc('mesh', 'init', ...this.natsArguments());
    if (code !== 0) throw new Error(`mesh init: ${stderr}`);
  }

  natsArguments(): string[] {
    return natsArguments(this.#servers);
  }

  /** Again under the same name: with its key, at its address. */
  async start(name: string, ...options: string[]): Promise<Started> {
    const before = this.#synchronizers.get(name);
    const [other] = this.#synchronizers.keys();
    // All synchronizers of a mesh have one key.
    if (other !== undefined && !before) {
      mkdirSync(join(this.#folder, name), { recursive: true, mode: 0o700 });
      copyFileSync(join(this.#folder, other, 'key.json'), join(this.#folder, name, 'key.json'));
    }
    const listen = before ? parseAddress(before.address).port : 0;
    const own = ['--listen', `127.0.0.1:${listen}`, '--state', join(this.#folder, name), '--json'];
    const started = await new Promise<Running & Started>((resolve, reject) => {
      const running: { child?: ChildProcess } = {};
      const ended = nmc(['synchronizer', ...own, ...this.natsArguments(), ...options], {
        cwd: this.#folder,
        env: this.#env('config'),
        onStart: (child) => {
          running.child = child;
        },
        onLine: (line, child) => resolve({ ...(JSON.parse(line) as Started), child, ended }),
      });
      ended.then(({ stderr }) => reject(new Error(`${name} has ended: ${stderr}`)), reject);
    });
    this.#synchronizers.set(name, started);
    return started;
  }

  signal(name: string, signal: NodeJS.Signals): void {
    this.#of(name).child.kill(signal);
  }

  /** @returns what it said until its end */
  async ended(name: string): Promise<Outcome> {
    return this.#of(name).ended;
  }

  async join(name: string, at: string, ...options: string[]): Promise<void> {
    const { address, key } = this.#of(at);
    const invite = newInvite();
    const kept = { id: invite.id, key: inviteKeyText(invite), uses: 1, milliseconds: 3_600_000 };
    await this.ask(at, { what: 'invite', ...kept });
    mkdirSync(join(this.#folder, name), { recursive: true });
    writeMachineRecord(join(this.#folder, name));
    const running: { child?: ChildProcess } = {};
    const state = ['--state', join(this.#folder, name, 'trainer')];
    const args = ['join', address, '--fingerprint', key, '--name', name, '--json', '--invite', '-', ...state];
    const ended = nmc([...args, ...options], {
      cwd: this.#folder,
      env: this.#env(name),
      input: `${inviteText(invite)}\n`,
      onStart: (child) => {
        running.child = child;
      },
    });
    if (running.child) this.#trainers.set(name, { child: running.child, ended });
  }

  /** @returns what a trainer said until its end */
  async trainerEnded(name: string): Promise<Outcome> {
    const running = this.#trainers.get(name);
    if (!running) throw new Error(`${name} has not joined`);
    return running.ended;
  }

  nmc(...args: string[]): Promise<Outcome> {
    return nmc(args, { cwd: this.#folder, env: this.#env('config') });
  }

  /** As an operator, at one of the synchronizers. */
  run(at: string, ...args: string[]): Promise<Outcome> {
    const { address, key } = this.#of(at);
    return this.nmc(...args, '--mesh', address, '--fingerprint', key);
  }

  async json(at: string, ...args: string[]): Promise<JsonLine[]> {
    const outcome = await this.run(at, ...args, '--json');
    if (outcome.code !== 0) throw new Error(`nmc ${args.join(' ')}: ${outcome.stdout}${outcome.stderr}`);
    return jsonLines(outcome);
  }

  async ask(at: string, question: Question): Promise<unknown> {
    const keys = readKey(join(this.#folder, 'config', 'key.json'));
    try {
      const link = this.#links.get(at) ?? (await dial({ address: this.#address(at), role: 'operator', keys }));
      this.#links.set(at, link);
      return await link.ask(question);
    } catch (error) {
      this.#links.get(at)?.close();
      this.#links.delete(at);
      throw error;
    }
  }

  /** @returns nothing where it does not answer */
  async status(at: string): Promise<MeshStatus | undefined> {
    try {
      return (await this.ask(at, { what: 'status' })) as MeshStatus;
    } catch (error) {
      if (error instanceof EnvironmentError) return undefined;
      throw error;
    }
  }

  /** @returns which of the synchronizers leads the run, as that one says; nothing where none answers */
  async leader(at: string, run: string): Promise<string | undefined> {
    const { synchronizers = [] } = (await this.status(at)) ?? {};
    const pid = synchronizers.find(({ runs }) => runs.includes(run))?.pid;
    return [...this.#synchronizers].find(([, { child }]) => child.pid === pid)?.[0];
  }

  /** For `afterAll`: nothing stays behind. */
  async end(): Promise<void> {
    for (const link of this.#links.values()) link.close();
    const all = [...this.#trainers.values(), ...this.#synchronizers.values()];
    for (const { child } of all) {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
    }
    await Promise.allSettled(all.map(({ ended }) => ended));
  }

  #address(name: string): Address {
    return parseAddress(this.#of(name).address);
  }

  #of(name: string): Running & Started {
    const found = this.#synchronizers.get(name);
    if (!found) throw new Error(`${name} was not started`);
    return found;
  }

  #env(config: string): Record<string, string> {
    return { NMC_CONFIG: join(this.#folder, config) };
  }
}
