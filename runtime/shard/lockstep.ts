/** All shards of a plan in one process: the same sessions as on a mesh, frames handed over as they are, or as copies. */
import type { FieldData, Position, Tensor } from '../device/device.ts';
import { UserError } from '../support/errors.ts';
import type { Frame } from '../training/frame.ts';
import { allFinite } from '../training/metrics.ts';
import { type Carrier, carrierOf } from '../wire/carrier.ts';
import type { Codec } from '../wire/codec.ts';
import type { ShardSession } from './session.ts';

type Results = Record<string, Tensor>;

interface Call {
  readonly resolve: (results: Results) => void;
  readonly reject: (error: unknown) => void;
  readonly results: Results;
  /** Shards that are not done yet. */
  left: number;
}

/** A session, whether it is being advanced, and whether there is news for that loop. */
interface Runner {
  readonly session: ShardSession;
  /** What its frames lose on a border; nothing: none. */
  readonly carrier: Carrier | undefined;
  busy: boolean;
  news: boolean;
}

export class Lockstep {
  readonly #runners: readonly Runner[];
  readonly #receivers = new Map<number, Runner>();
  readonly #calls = new Map<number, Call>();
  #count = 0;
  #failure: { readonly error: unknown } | undefined;

  readonly #copies: boolean;

  /**
   * @param sessions of all shards of one plan
   * @param copies whether readers get copies: where a sender's memory is used again before a frame is read
   * @param codec of their borders: frames lose what they would lose on a mesh
   */
  constructor(sessions: readonly ShardSession[], copies = false, codec: Codec = 'f32') {
    this.#copies = copies;
    this.#runners = sessions.map((session) => ({
      ...{ session, carrier: carrierOf(codec, session.schedule) },
      ...{ busy: false, news: false },
    }));
    for (const runner of this.#runners)
      for (const message of runner.session.schedule.messages)
        if (message.to === runner.session.shard) this.#receivers.set(message.id, runner);
  }

  /**
   * One function of the whole model on all its shards; calls are carried out in the order in which they were made.
   * @returns the results of all shards together
   */
  run(name: string, inputs: Readonly<Record<string, FieldData>>, position: Position): Promise<Results> {
    return new Promise<Results>((resolve, reject) => {
      if (this.#failure) {
        reject(this.#failure.error);
        return;
      }
      const callIndex = this.#count++;
      this.#calls.set(callIndex, { resolve, reject, results: {}, left: this.#runners.length });
      for (const { session } of this.#runners) session.start({ name, position, inputs, callIndex, microbatch: 0 });
      for (const runner of this.#runners) this.#goOn(runner);
    });
  }

  /** Goes on with one shard until it has to wait for another. */
  #goOn(runner: Runner): void {
    runner.news = true;
    if (runner.busy || this.#failure) return;
    runner.busy = true;
    this.#untilItWaits(runner).catch((error) => this.#fail(error));
  }

  async #untilItWaits(runner: Runner): Promise<void> {
    while (runner.news && !this.#failure) {
      runner.news = false;
      const step = await runner.session.advance();
      if (step.kind === 'send') this.#carry(step.frames, runner.carrier);
      if (step.kind === 'done') this.#finish(step.part.callIndex, step.results);
      if (step.kind === 'send' || step.kind === 'done') runner.news = true;
    }
    // In the same turn as the last look: news from now on start it again.
    runner.busy = false;
  }

  #carry(frames: readonly Frame[], carrier: Carrier | undefined): void {
    for (const made of frames) {
      const frame = carrier && made.values.every(allFinite) ? carrier(made) : made;
      const receiver = this.#receivers.get(frame.message);
      const given = this.#copies ? { ...frame, values: frame.values.map((v) => v.slice()) } : frame;
      const refusal = receiver ? receiver.session.deliver(given) : 'unknown-message';
      // In free ticks its reader may have gone on without it.
      if ((refusal === 'past' || refusal === 'twice') && receiver?.session.isFree(frame.message)) continue;
      if (refusal === 'not-finite')
        throw new UserError(
          'energy/not-finite',
          `a value that shard ${receiver?.session.shard} waits for is no longer a finite number, in call ${frame.callIndex + 1} of this run`,
          'lower the rates (method and optimizer; `--probe` says how far), then train again',
        );
      if (refusal !== undefined)
        throw new Error(`message ${frame.message} of tick ${frame.tick} was refused: ${refusal}`);
      if (receiver) this.#goOn(receiver);
    }
  }

  #finish(callIndex: number, results: Readonly<Record<string, Tensor>>): void {
    const call = this.#calls.get(callIndex);
    if (!call) return;
    Object.assign(call.results, results);
    call.left--;
    if (call.left > 0) return;
    this.#calls.delete(callIndex);
    call.resolve(call.results);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const call of this.#calls.values()) call.reject(error);
    this.#calls.clear();
  }
}
