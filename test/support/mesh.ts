/** A mesh of real processes for tests: `nmc up` on a port of its own, with keys of its own. */
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readKey } from '../../runtime/identity/key-file.ts';
import { parseAddress } from '../../runtime/net/address.ts';
import { dial } from '../../runtime/net/dial.ts';
import type { Link } from '../../runtime/net/link.ts';
import type { MeshStatus } from '../../runtime/net/mesh-status.ts';
import { readSafetensors } from '../../runtime/store/safetensors.ts';
import { tensorBytes } from '../../runtime/store/safetensors-types.ts';
import type { Question } from '../../runtime/wire/messages.ts';
import { writeMachineRecord } from './machine-record.ts';
import { type JsonLine, jsonLines, nmc, type Outcome } from './nmc.ts';

export interface UpEvent {
  readonly address: string;
  readonly trainers: readonly { readonly name: string; readonly key: string; readonly pid: number }[];
  readonly invite: string;
  readonly key: string;
}

export class TestMesh {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  up: UpEvent = { address: '', trainers: [], invite: '', key: '' };
  #process: ChildProcess | undefined;
  #ended: Promise<Outcome> | undefined;
  #link: Link | undefined;

  constructor(folder: string) {
    this.folder = folder;
    const config = join(folder, 'config');
    this.env = { NMC_CONFIG: config };
    writeMachineRecord(config);
  }

  async start(trainers: number, ...options: string[]): Promise<UpEvent> {
    const port = options.includes('--port') ? [] : ['--port', '0'];
    const args = ['up', '--trainers', String(trainers), ...port, '--state', 'state', '--json', ...options];
    this.up = await new Promise<UpEvent>((resolve, reject) => {
      this.#ended = nmc(args, {
        cwd: this.folder,
        env: this.env,
        onStart: (child) => {
          this.#process = child;
        },
        onLine: (line) => {
          const event = JSON.parse(line) as UpEvent & { readonly event: string };
          if (event.event === 'up') resolve(event);
          else reject(new Error(`up says ${line}`));
        },
      });
      this.#ended.then((outcome) => reject(new Error(`up has ended: ${outcome.stderr}`)), reject);
    });
    return this.up;
  }

  async run(...args: string[]): Promise<Outcome> {
    return nmc([...args, '--mesh', this.up.address], { cwd: this.folder, env: this.env });
  }

  /** Of a command that has to succeed. */
  async json(...args: string[]): Promise<JsonLine[]> {
    const outcome = await this.run(...args, '--json');
    if (outcome.code !== 0) throw new Error(`nmc ${args.join(' ')}: ${outcome.stdout}${outcome.stderr}`);
    return jsonLines(outcome);
  }

  /** Asked on a connection of its own: starting a command takes longer than some of what is to be seen. */
  async status(): Promise<MeshStatus> {
    return (await this.ask({ what: 'status' })) as MeshStatus;
  }

  async ask(question: Question): Promise<unknown> {
    try {
      this.#link ??= await dial({
        address: parseAddress(this.up.address),
        role: 'operator',
        keys: readKey(join(this.folder, 'config', 'key.json')),
      });
      return await this.#link.ask(question);
    } catch (error) {
      this.#link = undefined;
      throw error;
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  async stop(): Promise<Outcome | undefined> {
    this.#process?.kill('SIGINT');
    return this.#ended;
  }

  /** For `afterAll`: nothing stays behind, whatever the test did. */
  kill(): void {
    this.#process?.kill('SIGKILL');
  }
}

/** SHA-256 of each tensor of a run's weights. */
export function weightHashes(run: string): Record<string, string> {
  const { tensors } = readSafetensors(join(run, 'model.safetensors'));
  return Object.fromEntries(tensors.map((t) => [t.name, createHash('sha256').update(tensorBytes(t)).digest('hex')]));
}

/** Of the weights of two runs, each against the largest weight of its tensor. */
export function largestDifference(a: string, b: string): number {
  const [first, second] = [a, b].map((run) => readSafetensors(join(run, 'model.safetensors')).tensors);
  let worst = 0;
  for (const { name, data } of first ?? []) {
    const other = second?.find((t) => t.name === name)?.data;
    if (!(data instanceof Float32Array) || !(other instanceof Float32Array)) continue;
    const scale = other.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-12);
    data.forEach((v, i) => {
      worst = Math.max(worst, Math.abs(v - (other[i] ?? Number.NaN)) / scale);
    });
  }
  return worst;
}

export function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}
