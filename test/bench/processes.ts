/** Other processes: `nmc` itself, this benchmark once more, other people's scripts. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../../runtime/cli/shell/package-root.ts';

/** The command line as its users have it. */
export const nmc = join(packageRoot(), 'dist/nmc.cjs');
/** This benchmark. */
export const bench = fileURLToPath(new URL('./main.js', import.meta.url));

export interface Ended {
  readonly stdout: string;
  /** From its start to its end. */
  readonly milliseconds: number;
}

export interface ProcessOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Exit codes that are not failures (default 0 alone). */
  readonly expected?: readonly number[];
}

/** Runs a program to its end. @throws with its standard error when it fails */
export function runProcess(program: string, args: readonly string[], options: ProcessOptions = {}): Promise<Ended> {
  const { environment = {}, expected = [0] } = options;
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(program, args, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (part: Buffer) => {
      stdout += part.toString();
    });
    child.stderr.on('data', (part: Buffer) => {
      stderr += part.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => {
      const milliseconds = performance.now() - started;
      if (code !== null && expected.includes(code)) resolve({ stdout, milliseconds });
      else reject(new Error(`${program} ${args.join(' ')} ended with ${code}:\n${stderr.slice(-2000)}`));
    });
  });
}

/** Milliseconds until a program has written a line that contains `mark` to standard error; then it is ended. */
export function untilLine(
  program: string,
  args: readonly string[],
  mark: string,
  environment: Readonly<Record<string, string>>,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(program, args, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    let found: number | undefined;
    child.stderr.on('data', (part: Buffer) => {
      stderr += part.toString();
      if (found !== undefined || !stderr.includes(mark)) return;
      found = performance.now() - started;
      child.kill('SIGKILL');
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (found !== undefined) resolve(found);
      else
        reject(
          new Error(`${program} ${args.join(' ')} ended with ${code}, without "${mark}":\n${stderr.slice(-2000)}`),
        );
    });
  });
}
