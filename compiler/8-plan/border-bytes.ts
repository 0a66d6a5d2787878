/** What crosses a border of a plan, for pictures. */
import type { PlanBorder } from '../../spec/plan.ts';

/** Of both directions as f32: per tick, or per batch for rules without ticks. */
export function borderBytes({ flows }: PlanBorder): { readonly bytes: number; readonly perTick: boolean } {
  const perTick = flows.reduce((sum, f) => sum + f.bytesPerTick.f32, 0);
  if (perTick > 0) return { bytes: perTick, perTick: true };
  return { bytes: flows.reduce((sum, f) => sum + 4 * f.valuesPerBatch, 0), perTick: false };
}

export function inBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
