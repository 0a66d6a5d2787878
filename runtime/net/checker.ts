/** Computes the checks of a finished run again from its weights: a port, as it needs the plan's compiler and a device. */
import type { Deployment } from '../wire/deployment.ts';
import type { Auditor } from './auditor.ts';

export interface CheckRequest {
  readonly deployment: Deployment;
  /** Blobs of the last manifest, by shard. */
  readonly parts: readonly string[];
}

export type CheckAnswer =
  /** In the order of the deployment's evaluations; null where a prediction was not finite. */
  | { readonly values: readonly (number | null)[] }
  /** Why there are none: it does not fit here, or it takes too long. */
  | { readonly problem: string };

export interface Checker extends Partial<Auditor> {
  /** A run is coming that will be checked. */
  prepare(): void;
  check(request: CheckRequest): Promise<CheckAnswer>;
  close(): Promise<void>;
}
