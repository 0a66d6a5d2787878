/**
 * Inputs of a shard's calls. Those of the next one are gathered while the shard waits, where they are small: behind the
 * end of a call all shards wait for the one that is fed.
 */
import type { FieldData } from '../device/device.ts';
import { allCalls, type Call, callAt } from '../training/calls.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { ShardData } from './shard-data.ts';

type Inputs = Readonly<Record<string, FieldData>>;

/** Of a call, which take memory beside those of the call under way. */
const SMALL_BYTES = 1024 * 1024;

export class NextInputs {
  readonly #deployment: Deployment;
  readonly #data: Pick<ShardData, 'inputs'>;
  /** The call behind the newest one that has begun, where its inputs may be gathered. */
  #behind: number | undefined;
  #gathered: { readonly callIndex: number; readonly inputs: Inputs } | undefined;

  constructor(deployment: Deployment, data: Pick<ShardData, 'inputs'>) {
    this.#deployment = deployment;
    this.#data = data;
  }

  /** Of a call that begins. @param isHeld its data are in memory: others come from the disk when a call begins */
  of(callIndex: number, call: Call, isHeld: boolean): Inputs {
    const inputs = this.#gathered?.callIndex === callIndex ? this.#gathered.inputs : this.#data.inputs(call);
    this.#gathered = undefined;
    const bytes = Object.values(inputs).reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.#behind = isHeld && call.kind === 'train' && bytes <= SMALL_BYTES ? callIndex + 1 : undefined;
    return inputs;
  }

  /** Gathers those of the next training call. @returns whether there was something to gather */
  gather(): boolean {
    const callIndex = this.#behind;
    this.#behind = undefined;
    if (callIndex === undefined || callIndex >= allCalls(this.#deployment)) return false;
    const call = callAt(this.#deployment, callIndex);
    if (call.kind !== 'train') return false;
    this.#gathered = { callIndex, inputs: this.#data.inputs(call) };
    return true;
  }

  /** A shard begins elsewhere. */
  forget(): void {
    this.#behind = undefined;
    this.#gathered = undefined;
  }
}
