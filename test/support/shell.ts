/** Lines as somebody pastes them: into a shell, in a folder, with what a prompt asks for typed behind them. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Outcome } from './nmc.ts';

export interface Shell {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Pasted {
  readonly ended: Promise<Outcome>;
  readonly child: ChildProcess;
  /** Output so far. */
  readonly seen: () => string;
}

export function paste(line: string, { cwd, env }: Shell, typed = ''): Pasted {
  const { NODE_OPTIONS: _options, NMC_DATA: _data, NMC_COMMAND: _command, NMC_MESH: _mesh, ...inherited } = process.env;
  const child = spawn('sh', ['-c', `exec ${line}`], { cwd, env: { ...inherited, ...env } });
  const text = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (piece: string) => {
      text[stream] += piece;
    });
  child.stdin.on('error', () => undefined);
  child.stdin.end(typed);
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...text }));
  });
  return { ended, child, seen: () => text.stdout + text.stderr };
}
