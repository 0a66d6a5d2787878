/**
 * Batches, decoded ahead of the device: while it works on one, the next lie ready in a bounded set of buffers that
 * are used over and over. Work is done in short turns, so the process keeps answering while glyphs are drawn.
 */
import { isPictureShape, movePictures } from '../../spec/picture-moves.ts';
import { allocate, type Dataset, type Field, type FieldArray, findField, sizeOf } from './dataset.ts';
import { type BatchOrder, batchCount, batchOrder } from './order.ts';

export interface FeedOrder {
  readonly seed: number;
  /** Samples per batch. */
  readonly batch: number;
  /** Epochs 0 … epochs-1 are fed. */
  readonly epochs: number;
  readonly dropLast?: boolean;
  readonly shuffle?: boolean;
}

export interface FeedPosition {
  readonly epoch: number;
  readonly batch: number;
}

export interface Batch extends FeedPosition {
  /** Samples in this batch; the last of an epoch may have fewer. */
  readonly count: number;
  /** The numbers of its samples in the data set. */
  readonly rows: Uint32Array;
  /** Nothing in it where `known` said that the rows need not be fetched: otherwise `count` rows of each field. They belong to the reader until `release`. */
  readonly fields: Readonly<Record<string, FieldArray>>;
  /** Gives the buffers back. A reader that holds `ahead + 1` batches gets no more. */
  release(): void;
}

export interface FeedOptions {
  /** Batches kept ready (default 3). */
  readonly ahead?: number;
  /** Batches of which the reader wants the numbers alone; asked when a batch is begun. */
  readonly known?: (rows: Uint32Array) => boolean;
}

/** Rows copied between two looks at the clock, and how long one turn may take before others get theirs. */
const ROWS_PER_STEP = 32;
const TURN_MILLISECONDS = 4;

/** A batch being filled: `done` of its rows are there. */
interface Draft extends FeedPosition {
  readonly indices: Uint32Array;
  /** None for a batch whose rows need not be fetched. */
  readonly buffers: FieldArray[] | undefined;
  done: number;
}

/**
 * The batches of `order.epochs` epochs of `dataset`, beginning at `from` (default the first).
 * Throws UserError `data/field` for a field the data set does not have. End it early with `return()` (as `break` does).
 */
export function feedBatches(
  dataset: Dataset,
  order: FeedOrder,
  fieldNames: readonly string[],
  from: FeedPosition = { epoch: 0, batch: 0 },
  options: FeedOptions = {},
): AsyncIterableIterator<Batch> {
  return new Feed(dataset, order, fieldNames, from, options);
}

class Feed implements AsyncIterableIterator<Batch> {
  readonly #dataset: Dataset;
  readonly #order: FeedOrder;
  readonly #fields: readonly Field[];
  readonly #ahead: number;
  readonly #perEpoch: number;
  readonly #free: FieldArray[][] = [];
  readonly #ready: Draft[] = [];
  #epochOrder: { epoch: number; order: BatchOrder } | undefined;
  #buffersMade = 0;
  readonly #known: (rows: Uint32Array) => boolean;
  #next: FeedPosition;
  #draft: Draft | undefined;
  #scheduled = false;
  #closed = false;
  #failure: unknown;
  #waiting: (() => void) | undefined;

  constructor(dataset: Dataset, order: FeedOrder, names: readonly string[], from: FeedPosition, options: FeedOptions) {
    this.#dataset = dataset;
    this.#order = order;
    this.#fields = names.map((name) => findField(dataset, name));
    this.#ahead = options.ahead ?? 3;
    this.#known = options.known ?? (() => false);
    this.#perEpoch = batchCount(dataset.length, order.batch, order.dropLast);
    this.#next = normalise(from, this.#perEpoch);
    this.#schedule();
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Batch> {
    return this;
  }

  async next(): Promise<IteratorResult<Batch>> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#closed) return { done: true, value: undefined };
      const draft = this.#ready.shift();
      if (draft) {
        this.#schedule();
        return { done: false, value: this.#hand(draft) };
      }
      if (this.#exhausted()) return { done: true, value: undefined };
      if (!this.#draft && !this.#canBegin()) throw new Error('every batch is held: release one before asking for more');
      // Nothing lies ready: work in the reader's own turn first, a copy from memory is done at once.
      this.#work();
      if (this.#ready.length === 0 && this.#failure === undefined) {
        await new Promise<void>((resolve) => {
          this.#waiting = resolve;
          this.#schedule();
        });
      }
    }
  }

  async return(): Promise<IteratorResult<Batch>> {
    this.#closed = true;
    this.#wake();
    return { done: true, value: undefined };
  }

  #hand(draft: Draft): Batch {
    const count = draft.indices.length;
    const full = count === this.#order.batch;
    const fields: Record<string, FieldArray> = {};
    draft.buffers?.forEach((buffer, f) => {
      const field = this.#fields[f] as Field;
      fields[field.name] = full ? buffer : buffer.subarray(0, count * sizeOf(field));
    });
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      if (draft.buffers) this.#free.push(draft.buffers);
      this.#schedule();
    };
    return { epoch: draft.epoch, batch: draft.batch, count, rows: draft.indices, fields, release };
  }

  #exhausted(): boolean {
    return !this.#draft && (this.#next.epoch >= this.#order.epochs || this.#perEpoch === 0);
  }

  #canBegin(): boolean {
    return this.#free.length > 0 || this.#buffersMade <= this.#ahead;
  }

  #hasWork(): boolean {
    if (this.#closed || this.#failure !== undefined || this.#ready.length >= this.#ahead) return false;
    return this.#draft !== undefined || (!this.#exhausted() && this.#canBegin());
  }

  #schedule(): void {
    if (this.#scheduled || !this.#hasWork()) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#work();
      this.#schedule();
    });
  }

  /** One turn: rows until the time is up or a batch is complete. The clock decides when, never what. */
  #work(): void {
    try {
      const end = performance.now() + TURN_MILLISECONDS;
      while (this.#hasWork()) {
        this.#draft ??= this.#begin();
        const complete = this.#step(this.#draft);
        if (complete) {
          this.#ready.push(this.#draft);
          this.#draft = undefined;
          break;
        }
        if (performance.now() >= end) break;
      }
    } catch (failure) {
      this.#failure = failure;
    }
    if (this.#ready.length > 0 || this.#failure !== undefined) this.#wake();
  }

  #wake(): void {
    const resolve = this.#waiting;
    this.#waiting = undefined;
    resolve?.();
  }

  #begin(): Draft {
    const { epoch, batch } = this.#next;
    this.#next = normalise({ epoch, batch: batch + 1 }, this.#perEpoch);
    const indices = this.#indices(epoch, batch);
    return { epoch, batch, indices, buffers: this.#known(indices) ? undefined : this.#takeBuffers(), done: 0 };
  }

  #indices(epoch: number, batch: number): Uint32Array {
    if (this.#epochOrder?.epoch !== epoch) {
      const { length } = this.#dataset;
      this.#epochOrder = { epoch, order: batchOrder({ ...this.#order, epoch, length }) };
    }
    return this.#epochOrder.order.indices(batch);
  }

  #takeBuffers(): FieldArray[] {
    const used = this.#free.pop();
    if (used) return used;
    this.#buffersMade++;
    return this.#fields.map((field) => allocate(field, this.#order.batch));
  }

  #step(draft: Draft): boolean {
    const { buffers } = draft;
    if (!buffers) return true;
    const end = Math.min(draft.indices.length, draft.done + ROWS_PER_STEP);
    const rows = draft.indices.subarray(draft.done, end);
    this.#fields.forEach((field, f) => {
      const size = sizeOf(field);
      const filled = (buffers[f] as FieldArray).subarray(draft.done * size, end * size);
      this.#dataset.gather(field.name, rows, filled);
      const { moved } = this.#dataset;
      const at = { seed: this.#order.seed, epoch: draft.epoch };
      if (moved && isPictureShape(field.shape)) movePictures(filled, field.shape, rows, moved, at);
    });
    draft.done = end;
    return end === draft.indices.length;
  }
}

/** The position after the last batch of an epoch is the first of the next. */
function normalise(position: FeedPosition, perEpoch: number): FeedPosition {
  if (perEpoch === 0 || position.batch < perEpoch) return position;
  return { epoch: position.epoch + Math.floor(position.batch / perEpoch), batch: position.batch % perEpoch };
}
