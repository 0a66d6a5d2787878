/** Machines that share nothing but a network: namespaces of Linux, joined by a bridge, each with a link of its own. */
import { spawn } from 'node:child_process';
import { type Ended, remembered, runCommand } from './process.ts';

export interface Uplink {
  /** Of what the machine sends. */
  readonly megabits: number;
  /** One way. */
  readonly delayMs: number;
}

export interface Machine {
  readonly name: string;
  readonly address: string;
}

/** What a line has printed, and how it ends. */
export interface Running {
  readonly printed: () => string;
  readonly ended: Promise<number>;
  readonly interrupt: () => void;
}

const PREFIX = 'nmc-accept';
const SWITCH = `${PREFIX}-switch`;
const NETWORK = '10.77.0';

/** @returns the machines, or why this system has none */
export async function setUp(links: readonly Uplink[]): Promise<readonly Machine[] | string> {
  await tearDown(links.length);
  const machines = links.map((_, i) => ({ name: `${PREFIX}-${i}`, address: `${NETWORK}.${i + 1}` }));
  const steps = [
    ['ip', 'netns', 'add', SWITCH],
    ['ip', '-n', SWITCH, 'link', 'add', 'bridge', 'type', 'bridge'],
    ['ip', '-n', SWITCH, 'link', 'set', 'bridge', 'up'],
    ...machines.flatMap(({ name, address }, i) => machineSteps(name, address, i, links[i])),
  ];
  for (const [command = '', ...args] of steps) {
    const end = await runCommand(command, args).catch((error: unknown) => ({ code: -1, tail: String(error) }));
    if (end.code !== 0) {
      await tearDown(links.length);
      return `${[command, ...args].join(' ')}: ${end.tail}`;
    }
  }
  return machines;
}

function machineSteps(name: string, address: string, i: number, link: Uplink | undefined): string[][] {
  const port = `port${i}`;
  return [
    ['ip', 'netns', 'add', name],
    ['ip', '-n', name, 'link', 'set', 'lo', 'up'],
    ['ip', '-n', name, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', port, 'netns', SWITCH],
    ['ip', '-n', name, 'addr', 'add', `${address}/24`, 'dev', 'eth0'],
    ['ip', '-n', name, 'link', 'set', 'eth0', 'up'],
    ['ip', '-n', SWITCH, 'link', 'set', port, 'master', 'bridge', 'up'],
    ...(link === undefined
      ? []
      : [
          ['tc', '-n', name, 'qdisc', 'add', 'dev', 'eth0', 'root', 'netem'].concat(
            ['delay', `${link.delayMs}ms`, 'rate', `${link.megabits}mbit`], // biome-ignore format: one line
          ),
        ]),
  ];
}

export async function tearDown(count: number): Promise<void> {
  const names = [SWITCH, ...Array.from({ length: count }, (_, i) => `${PREFIX}-${i}`)];
  for (const name of names) await runCommand('ip', ['netns', 'del', name]).catch(() => undefined);
}

export interface Place {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A line that is pasted on a machine, and goes on. @param typed where it asks for something */
export function pasteOn(machine: Machine, line: string, { cwd, env }: Place, typed = ''): Running {
  const args = ['netns', 'exec', machine.name, 'bash', '-c', `exec ${line}`];
  const child = remembered(spawn('ip', args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'], detached: true }));
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
  child.stdin.on('error', () => undefined);
  child.stdin.end(typed);
  const ended = new Promise<number>((resolve) => {
    child.on('error', () => resolve(-1));
    child.on('close', (code) => resolve(code ?? -1));
  });
  // As Ctrl-C in a terminal: the whole group gets it.
  const interrupt = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGINT');
  };
  return { printed: () => text, ended, interrupt };
}

/** One that ends. */
export function runOn(machine: Machine, line: string, { cwd, env }: Place): Promise<Ended> {
  return runCommand('ip', ['netns', 'exec', machine.name, 'bash', '-c', line], { cwd, env });
}
