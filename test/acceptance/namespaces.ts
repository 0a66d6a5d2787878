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

/** Output of a line, and its end. */
export interface Running {
  readonly printed: () => string;
  readonly ended: Promise<number>;
  readonly interrupt: () => void;
}

const PREFIX = 'nmc-accept';
const SWITCH = `${PREFIX}-switch`;
const NETWORK = '10.77.0';

export interface Network {
  readonly machines: readonly Machine[];
  /** Whether the links take time; where the kernel cannot, they have their rate alone. */
  readonly delays: boolean;
}

/** @returns the machines, or why this system has none */
export async function setUp(links: readonly Uplink[]): Promise<Network | string> {
  await tearDown(links.length);
  const machines = links.map((_, i) => ({ name: machineName(i), address: `${NETWORK}.${i + 1}` }));
  const problem = await firstProblem([
    ['ip', 'netns', 'add', SWITCH],
    ['ip', '-n', SWITCH, 'link', 'add', 'bridge', 'type', 'bridge'],
    ['ip', '-n', SWITCH, 'link', 'set', 'bridge', 'up'],
    ...machines.flatMap(connected),
  ]);
  const slow = (kind: (link: Uplink) => string[]): Promise<string | undefined> =>
    firstProblem(
      links.map((link, i) => ['tc', '-n', machineName(i), 'qdisc', 'replace', 'dev', 'eth0', 'root', ...kind(link)]),
    );
  const undelayed = problem ?? (await slow(delayed));
  const unlimited = problem ?? (undelayed === undefined ? undefined : await slow(limited));
  if (unlimited === undefined) return { machines, delays: undelayed === undefined };
  await tearDown(links.length);
  return unlimited;
}

const machineName = (i: number): string => `${PREFIX}-${i}`;
const delayed = ({ megabits, delayMs }: Uplink): string[] => [
  'netem',
  'delay',
  `${delayMs}ms`,
  'rate',
  `${megabits}mbit`,
];
const limited = ({ megabits }: Uplink): string[] => [
  'tbf',
  'rate',
  `${megabits}mbit`,
  'burst',
  '32k',
  'latency',
  '400ms',
];

async function firstProblem(steps: readonly (readonly string[])[]): Promise<string | undefined> {
  for (const [command = '', ...args] of steps) {
    const end = await runCommand(command, args).catch((error: unknown) => ({ code: -1, tail: String(error) }));
    if (end.code !== 0) return `${[command, ...args].join(' ')}: ${end.tail}`;
  }
  return undefined;
}

/** A machine and its cable. */
function connected({ name, address }: Machine, i: number): string[][] {
  const port = `port${i}`;
  return [
    ['ip', 'netns', 'add', name],
    ['ip', '-n', name, 'link', 'set', 'lo', 'up'],
    ['ip', '-n', name, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', port, 'netns', SWITCH],
    ['ip', '-n', name, 'addr', 'add', `${address}/24`, 'dev', 'eth0'],
    ['ip', '-n', name, 'link', 'set', 'eth0', 'up'],
    ['ip', '-n', SWITCH, 'link', 'set', port, 'master', 'bridge', 'up'],
  ];
}

export async function tearDown(count: number): Promise<void> {
  const names = [SWITCH, ...Array.from({ length: count }, (_, i) => machineName(i))];
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
    child.on('close', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : -1)));
  });
  // As Ctrl-C in a terminal: the whole group gets it.
  const interrupt = (): void => {
    const over = child.exitCode !== null || child.signalCode !== null;
    if (child.pid !== undefined && !over) process.kill(-child.pid, 'SIGINT');
  };
  return { printed: () => text, ended, interrupt };
}

/** One that ends. */
export function runOn(machine: Machine, line: string, { cwd, env }: Place): Promise<Ended> {
  return runCommand('ip', ['netns', 'exec', machine.name, 'bash', '-c', line], { cwd, env });
}
