/** How much memory another process holds, looked at again and again. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';

/** Milliseconds. */
const LOOK_EVERY_MS = 100;

/**
 * Calls `over` each time that the process is seen to hold more than `limit` bytes.
 * @param resident of a process; nothing where it cannot be told
 * @returns what ends the watch
 */
export function watchMemory(
  pid: number | undefined,
  limit: number,
  over: (bytes: number) => void,
  resident: (pid: number) => Promise<number | undefined> = residentBytes,
): () => void {
  let [looking, ended] = [false, false];
  const timer = setInterval(async () => {
    if (looking || pid === undefined) return;
    looking = true;
    const bytes = await resident(pid);
    looking = false;
    if (!ended && bytes !== undefined && bytes > limit) over(bytes);
  }, LOOK_EVERY_MS);
  return () => {
    ended = true;
    clearInterval(timer);
  };
}

/** Bytes that a process holds in memory now. */
async function residentBytes(pid: number): Promise<number | undefined> {
  if (process.platform === 'linux') {
    try {
      const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
      return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
    } catch {
      return undefined;
    }
  }
  if (process.platform === 'win32') return undefined;
  return new Promise((resolve) => {
    execFile('ps', ['-o', 'rss=', '-p', String(pid)], (error, output) => {
      resolve(error || !/^\s*\d+\s*$/.test(output) ? undefined : Number(output) * 1024);
    });
  });
}
