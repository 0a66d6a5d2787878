/** Seconds of processor that another process has used so far. */
import { readFileSync } from 'node:fs';

/** @returns nothing where the system does not say it: fields 14 and 15 of /proc/PID/stat on Linux, in hundredths */
export function processorSeconds(pid: number | undefined): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name (field 2) may hold spaces and brackets: count from its last bracket.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return undefined;
  }
}
