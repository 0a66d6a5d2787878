/** A trainer in a process of its own, and what it says of shards that it does not take. */
import { nmc, type RunOptions } from '../../support/nmc.ts';

export interface JoinedTrainer {
  /** Failures of shards that it has logged, as they came. */
  readonly failures: () => readonly Record<string, unknown>[];
  readonly kill: () => void;
}

/** @param state folder that has its key, which the synchronizer lists */
export function joinedTrainer(
  port: number,
  state: string,
  options: RunOptions,
  ...more: readonly string[]
): Promise<JoinedTrainer> {
  let said = '';
  const failures = (): Record<string, unknown>[] =>
    said
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.includes('"shard-failed"'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const args = ['join', `127.0.0.1:${port}`, '--state', state, '--device', 'reference', '--name', 'one', ...more];
  return new Promise((resolve, reject) => {
    nmc(args, {
      ...options,
      onStart: (child) => resolve({ failures, kill: () => child.kill('SIGTERM') && child.kill('SIGKILL') }),
      onError: (text) => {
        said += text;
      },
    }).catch(reject);
  });
}
