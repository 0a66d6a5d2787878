/** Signals for processes that a test has started. */

/**
 * Sends a signal to one process.
 * @param pid nothing, 0 or less would reach the group of whoever runs the tests: then nobody gets a signal
 * @throws Error where that is not a process of its own, or where it is gone
 */
export function signalProcess(pid: number | null | undefined, signal: NodeJS.Signals): void {
  if (!Number.isSafeInteger(pid) || Number(pid) <= 0) throw new Error(`there is no process ${pid} to send ${signal}`);
  process.kill(Number(pid), signal);
}
