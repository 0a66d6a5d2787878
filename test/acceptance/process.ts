/** Runs other programs, and tells what they print while they print it. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const running = new Set<ChildProcess>();
/** A mesh ends its trainers in that time. */
const MAX_ENDING_MS = 20_000;

/** @returns the child, which `endChildren` knows until it ends */
export function remembered<C extends ChildProcess>(child: C): C {
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', () => running.delete(child));
  return child;
}

/** Asks every child to end as Ctrl-C does, waits for them, and ends what has not ended then. */
export async function endChildren(): Promise<void> {
  const children = [...running];
  const ended = Promise.all(children.map((child) => once(child, 'exit')));
  for (const child of children) child.kill('SIGINT');
  const timer = setTimeout(() => {
    for (const child of running) child.kill('SIGKILL');
  }, MAX_ENDING_MS);
  await ended;
  clearTimeout(timer);
}

/** A measurement that is interrupted leaves nothing running, whoever got the signal. */
export function endChildrenWhenInterrupted(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void endChildren().finally(() => process.exit(130)));
  }
  process.once('exit', () => {
    for (const child of running) child.kill('SIGTERM');
  });
}

export interface Ended {
  readonly code: number;
  readonly seconds: number;
  /** Lines of standard output. */
  readonly lines: readonly string[];
  /** The last lines of both streams, for a message when something failed. */
  readonly tail: string;
}

/** Runs a command to its end. Nothing it does makes this throw but that it cannot be started. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: SpawnOptions & { readonly onLine?: (line: string) => void } = {},
): Promise<Ended> {
  const { onLine, ...rest } = options;
  const started = performance.now();
  const child = remembered(spawn(command, [...args], { ...rest, stdio: ['ignore', 'pipe', 'pipe'] }));
  const lines: string[] = [];
  const tail: string[] = [];
  const keep = (line: string): void => {
    tail.push(line);
    if (tail.length > 15) tail.shift();
  };
  if (child.stdout)
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      keep(line);
      onLine?.(line);
    });
  if (child.stderr) createInterface({ input: child.stderr }).on('line', keep);
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve(status ?? -1));
  });
  return { code, seconds: (performance.now() - started) / 1000, lines, tail: tail.join('\n') };
}

/** The objects among lines of JSON; anything else is left out. */
export function jsonLines(lines: readonly string[]): Record<string, unknown>[] {
  return lines.flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
      return typeof value === 'object' && value !== null ? [value as Record<string, unknown>] : [];
    } catch {
      return [];
    }
  });
}

/** Seconds of processor time that a process has used; nothing where the system does not say. */
export function processorSecondsOf(pid: number): number | undefined {
  if (!existsSync('/proc/self/stat')) return undefined;
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return undefined;
  }
}

/** Without settings of the user that would change what is measured. */
export function plainEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('NMC_') && !/^npm_(?!config_)/i.test(name),
  );
  return { ...Object.fromEntries(kept), ...extra };
}
