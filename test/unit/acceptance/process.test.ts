/** A measurement that is interrupted leaves no program of its own behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { endChildren, remembered, runCommand } from '../../acceptance/process.ts';

const WAITS = 'console.log("up"); setInterval(() => {}, 1000)';

test('children that still run are interrupted, and their waiting parent goes on', async () => {
  const child = remembered(spawn(process.execPath, ['-e', WAITS], { stdio: ['ignore', 'pipe', 'ignore'] }));
  let begun = (): void => undefined;
  const commandBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const command = runCommand(process.execPath, ['-e', WAITS], { onLine: () => begun() });
  await Promise.all([once(child.stdout, 'data'), commandBegun]);
  await endChildren();
  expect(child.signalCode).toBe('SIGINT');
  expect((await command).lines).toEqual(['up']);
});
