/** What goes between the command and the thread that runs the device. */
import type { FieldData, Position, Tensor } from '../device.ts';
import type { EngineState } from './engine.ts';

/** The first request to a worker: which program it runs. */
export interface WorkerStart {
  readonly states: readonly EngineState[];
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly threads: number;
}

export type Request =
  | { readonly id: number; readonly kind: 'open'; readonly start: WorkerStart }
  | { readonly id: number; readonly kind: 'prepare'; readonly name: string }
  | { readonly id: number; readonly kind: 'write'; readonly state: string; readonly values: Tensor }
  | { readonly id: number; readonly kind: 'read'; readonly state: string }
  | {
      readonly id: number;
      readonly kind: 'run';
      readonly name: string;
      readonly inputs: Record<string, FieldData>;
      readonly position: Position;
    }
  | { readonly id: number; readonly kind: 'close' };

export type Reply =
  | { readonly id: number; readonly value: Tensor | Record<string, Tensor> | undefined }
  | { readonly id: number; readonly failure: string };
