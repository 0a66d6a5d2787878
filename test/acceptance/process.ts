/** Runs other programs, and tells what they print while they print it. */
import { type SpawnOptions, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

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
  const child = spawn(command, [...args], { ...rest, stdio: ['ignore', 'pipe', 'pipe'] });
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

/** Without settings of the user that would change what is measured. */
export function plainEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('NMC_') && !/^npm_(?!config_)/i.test(name),
  );
  return { ...Object.fromEntries(kept), ...extra };
}
