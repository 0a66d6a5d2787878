/** `nmc` in this process: what it prints, and its exit code. */
import { vi } from 'vitest';
import { runCommandLine } from '../../runtime/cli/shell/run-command-line.ts';

export interface Printed {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function nmcInProcess(...argv: string[]): Promise<Printed> {
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      printed[name] += String(text);
      return true;
    });
  const code = await runCommandLine(argv);
  vi.restoreAllMocks();
  return { code, ...printed };
}
