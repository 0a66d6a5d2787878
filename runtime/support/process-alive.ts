/** Whether a process of this machine is there. */
import { errorCode } from './atomic.ts';

export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process may not be asked, but is there.
    return errorCode(error) === 'EPERM';
  }
}
