/** No damaged model may keep the compiler busy for longer. */
export const MAX_MILLISECONDS = 1000;

/** @returns milliseconds of processor time since `before`: a busy machine is not a hang */
export function processorTime(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
