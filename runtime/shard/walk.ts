/** One part on its way through the stages of one shard: pure, it only says what comes next. */
import type { ProgramFunction } from '../../spec/program.ts';
import type { Move, ScheduledValue, Stage } from '../../spec/schedule.ts';
import type { Holder, Position, RunInput, Tensor } from '../device/device.ts';
import type { Frame, FrameKey } from '../training/frame.ts';
import type { Part } from './part.ts';
import type { Route } from './route.ts';

export type WalkStep =
  /** Answer with `received`. */
  | { readonly kind: 'receive'; readonly frames: readonly FrameKey[] }
  /** Answer with `ran`. */
  | {
      readonly kind: 'run';
      readonly name: string;
      readonly inputs: Readonly<Record<string, RunInput>>;
      readonly position: Position;
      /** Names of results that are sent, or results of the call: the others are only read by its runs. */
      readonly shown: ReadonlySet<string>;
    }
  /** Needs no answer. */
  | { readonly kind: 'send'; readonly frames: readonly Frame[] }
  /** There is no room for these frames yet. */
  | { readonly kind: 'full' }
  | { readonly kind: 'done'; readonly results: Readonly<Record<string, Tensor>> };

/** Whether there is room for a frame on the way to its reader. */
export type Room = (key: FrameKey) => boolean;

const ALWAYS: Room = () => true;

export class Walk {
  readonly part: Part;
  /** Its results, once they are taken. */
  finished: Readonly<Record<string, Tensor>> | undefined;
  readonly #route: Route;
  readonly #locals = new Map<string, Tensor>();
  #stage = 0;
  #repetition = 0;
  #segment = 0;
  #hasReceived = false;
  #hasRun = false;

  readonly #holder: Holder | undefined;

  constructor(route: Route, part: Part, holder?: Holder) {
    this.#route = route;
    this.part = part;
    this.#holder = holder;
    this.#enter();
  }

  /** What has to happen now. The same answer until `received` or `ran` has been called. */
  next(room: Room = ALWAYS): WalkStep {
    for (;;) {
      const stage = this.#current();
      if (!stage) return { kind: 'done', results: this.#results() };
      const segment = stage.segments[this.#segment];
      if (!segment) {
        this.#turn(stage);
        continue;
      }
      if (!this.#hasReceived) {
        if (segment.receive.length > 0) return { kind: 'receive', frames: segment.receive.map((id) => this.#key(id)) };
        this.#hasReceived = true;
      }
      if (!this.#hasRun) {
        if (segment.run !== undefined) return this.#runStep(segment.run);
        this.#hasRun = true;
      }
      if (!segment.send.every((id) => room(this.#key(id)))) return { kind: 'full' };
      this.#segment++;
      this.#hasReceived = false;
      this.#hasRun = false;
      if (segment.send.length > 0) return { kind: 'send', frames: segment.send.map((id) => this.#frame(id)) };
    }
  }

  /** Of two walks through the same stages. */
  isBehind(other: Walk): boolean {
    if (this.#stage !== other.#stage) return this.#stage < other.#stage;
    if (this.#repetition !== other.#repetition) return this.#repetition < other.#repetition;
    return this.#segment < other.#segment;
  }

  received(frames: readonly Frame[]): void {
    for (const frame of frames) {
      const { values = [] } = this.#route.messages.get(frame.message) ?? {};
      values.forEach(({ name }, i) => {
        this.#set(name, frame.values[i] as Tensor);
      });
    }
    this.#hasReceived = true;
  }

  ran(results: Readonly<Record<string, Tensor>>): void {
    for (const [name, values] of Object.entries(results)) this.#set(name, values);
    this.#hasRun = true;
  }

  /** What stands in for a value that does not come; nothing where this shard has none. */
  standIn({ standIn }: ScheduledValue): Tensor | undefined {
    return standIn === undefined ? undefined : this.#local(standIn);
  }

  /** Nothing of it is wanted any more. */
  end(): void {
    for (const name of [...this.#locals.keys()]) this.#delete(name);
  }

  #current(): Stage | undefined {
    return this.#route.shardFunction.stages[this.#stage];
  }

  #enter(): void {
    this.#repetition = 0;
    this.#segment = 0;
    const stage = this.#current();
    if (stage) this.#move(stage.begin);
  }

  /** Behind the last segment of a repetition. */
  #turn(stage: Stage): void {
    this.#move(stage.next);
    this.#segment = 0;
    this.#repetition++;
    if (this.#repetition < stage.repeat) return;
    this.#move(stage.end);
    for (const name of this.#route.dropped[this.#stage] ?? []) this.#delete(name);
    this.#stage++;
    this.#enter();
  }

  #move(moves: readonly Move[]): void {
    const values = moves.map((m) => this.#local(m.from));
    // A value may give its name to another and keep only the new one: none is dropped before all are held.
    for (const value of values) this.#holder?.hold(value);
    moves.forEach((m, i) => {
      this.#set(m.to, values[i] as Tensor);
    });
    for (const value of values) this.#holder?.drop(value);
  }

  #set(name: string, value: Tensor): void {
    this.#holder?.hold(value);
    this.#delete(name);
    this.#locals.set(name, value);
  }

  #delete(name: string): void {
    const value = this.#locals.get(name);
    this.#locals.delete(name);
    if (value) this.#holder?.drop(value);
  }

  #runStep(name: string): WalkStep {
    const f = this.#route.segments.get(name) as ProgramFunction;
    const inputs: Record<string, RunInput> = {};
    for (const { field } of f.inputs) inputs[field] = this.part.inputs[field] ?? this.#local(field);
    const tick = (this.#current()?.firstTick ?? 0) + this.#repetition;
    return { kind: 'run', name, inputs, position: { ...this.part.position, tick }, shown: this.#route.shown };
  }

  #key(message: number): FrameKey {
    const { callIndex, microbatch } = this.part;
    return { message, callIndex, microbatch, tick: this.#repetition };
  }

  #frame(id: number): Frame {
    const { values = [] } = this.#route.messages.get(id) ?? {};
    return { ...this.#key(id), values: values.map(({ name }) => this.#local(name)) };
  }

  /** Copies where the memory of locals is used again. */
  #results(): Record<string, Tensor> {
    const given = (value: Tensor): Tensor => (this.#holder ? value.slice() : value);
    return Object.fromEntries(
      this.#route.shardFunction.results.map(({ name, value }) => [name, given(this.#local(value))] as const),
    );
  }

  #local(name: string): Tensor {
    const value = this.#locals.get(name);
    if (!value) throw new Error(`${this.part.name}: ${name} has no value on this shard`);
    return value;
  }
}
