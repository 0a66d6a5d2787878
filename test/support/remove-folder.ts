/** Removes the folders that tests make. */
import { rmSync } from 'node:fs';

/** Removes a folder into which a process that was just ended may still write: a second look finds what it added. */
export function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}
