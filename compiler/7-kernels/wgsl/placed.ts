import type { Region } from '../../../spec/kernels.ts';

/** A tensor where it lies: in one region, or in parts where it is larger than what a device binds at once. */
export interface Placed {
  readonly name: string;
  readonly parts: readonly Region[];
}
