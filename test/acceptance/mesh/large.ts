/** A model of which no trainer may hold more than a quarter, on four trainers of their own processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MESH_FORMAT } from '../../../spec/mesh.ts';
import { remembered } from '../process.ts';
import { type Json, RunningMesh } from './running-mesh.ts';

const LAYERS = 10;
/** A trainer that has joined loads its device. */
const SETTLING_MILLISECONDS = 3000;

/** A network whose links are all much smaller than a quarter of it. @param width of its inner layers */
export function largeModel(width: number): string {
  const layers = Array.from({ length: LAYERS }, (_, i) => `h${i + 1}`);
  return `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model large {
  sense pixels: f32[784]
${layers.map((name) => `  node ${name}: f32[${width}] = nodes.gaussian(act = tanh)`).join('\n')}
  node label: f32[10]

  link pixels -> ${layers.join(' -> ')} -> label = links.dense()
}

train il of large on data.glyphs.train {
  clamp pixels = sample.image / 255
  clamp label  = one_hot(sample.digit, 10)

  method    = learn.il(steps = 10, rate = 0.05)
  optimizer = learn.adam(rate = 0.0001)
  batch     = 16
  epochs    = 1
}
`;
}

/** A mesh file of machines alike. @param megabytes of memory, of each */
export function machinesOf(count: number, megabytes: number): string {
  const machines = Array.from({ length: count }, (_, i) => ({ name: `m${i}`, rate: 1e10, memory: megabytes * 1e6 }));
  return JSON.stringify({ format: MESH_FORMAT, machines });
}

/** Bytes of its parameters and of Adam's two states of each. */
export function stateBytes(width: number): number {
  const weights = 784 * width + (LAYERS - 1) * width ** 2 + 10 * width + LAYERS * width + 10;
  return 3 * 4 * weights;
}

export interface JoinedTrainer {
  readonly name: string;
  readonly child: ChildProcess;
  /** Of the process that holds shards. */
  pid: number;
  /** Resident before there was a shard, when what it does at its start was over. */
  own: number;
  /** The most that was resident, as the kernel counted it. */
  peak: number;
}

/** A mesh whose trainers may each use so much memory. */
export class LargeMesh extends RunningMesh {
  readonly trainers: JoinedTrainer[] = [];

  async open(count: number, megabytes: number): Promise<void> {
    await this.up(0, 0);
    for (let i = 0; i < count; i++) await this.join(`t${i}`, megabytes);
  }

  async join(name: string, megabytes: number): Promise<void> {
    const [{ invite } = {}] = await this.json('keys', 'invite');
    const state = join('trainers', name);
    const args = ['join', this.address, '--name', name, '--state', state, '--max-memory', String(megabytes), '--json'];
    const child = remembered(
      spawn(process.execPath, [this.nmc, ...args], {
        cwd: this.folder,
        env: { ...this.env, NMC_INVITE: String(invite) },
        stdio: 'ignore',
      }),
    );
    await this.until((status) => trainersIn(status).some((t) => t.name === name));
    const pid = childOf(child.pid ?? 0) ?? child.pid ?? 0;
    await sleep(SETTLING_MILLISECONDS);
    forgetPeak(pid);
    this.trainers.push({ name, child, pid, own: resident(pid, 'VmRSS'), peak: 0 });
  }

  /** Looks at what every trainer has held so far. */
  look(): void {
    for (const trainer of this.trainers) trainer.peak = Math.max(trainer.peak, resident(trainer.pid, 'VmHWM'));
  }

  async until(holds: (status: Json) => boolean, seconds = 300): Promise<void> {
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      this.look();
      if (holds(await this.status())) return;
      await sleep(250);
    }
    throw new Error(`the mesh was not so far in ${seconds} s: ${JSON.stringify(await this.status()).slice(0, 2000)}`);
  }

  /** A command of the mesh. @returns the most that its process held, in bytes */
  async peakOf(...args: string[]): Promise<number> {
    const child = remembered(
      spawn(process.execPath, this.commandLine(...args), {
        ...{ cwd: this.folder, env: this.env },
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    let lines = '';
    child.stdout?.on('data', (text) => {
      lines += String(text);
    });
    let peak = 0;
    let code: number | null | undefined;
    child.once('close', (value) => {
      code = value;
    });
    while (code === undefined) {
      peak = Math.max(peak, resident(child.pid ?? 0, 'VmHWM'));
      await sleep(50);
    }
    if (code !== 0) throw new Error(`nmc ${args.join(' ')} has ended with ${code}: ${lines}`);
    return peak;
  }

  override async down(): Promise<void> {
    for (const { child } of this.trainers) child.kill('SIGINT');
    await super.down();
    for (const { child } of this.trainers) child.kill('SIGKILL');
  }
}

function trainersIn(status: Json): readonly Json[] {
  return (status.trainers ?? []) as readonly Json[];
}

export function runsIn(status: Json): readonly Json[] {
  return (status.runs ?? []) as readonly Json[];
}

/** Bytes, as /proc says them; 0 where the process has ended, or the system does not say. */
export function resident(pid: number, field: 'VmHWM' | 'VmRSS'): number {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    return 1024 * Number(new RegExp(`${field}:\\s+(\\d+)`).exec(text)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** The process may have measured the machine when it started: its peak is counted from now on. */
function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // Of a system without it the peak is that since the start.
  }
}

/** The command watches over the process that trains. */
function childOf(pid: number): number | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? undefined : Number(children.split(' ')[0]);
}
