/**
 * Runs the trainer's state machine: its effects become work of shards and words for the mesh, and what comes of them
 * become its next events. The same driver runs on a node, in a simulation and in tests: the ports make the difference.
 */
import { HEARTBEAT_MS } from '../roles/liveness.ts';
import { LOOK_MS } from '../roles/looking.ts';
import { trainer } from '../roles/trainer.ts';
import {
  EMPTY_TRAINER,
  type Measure,
  type Measured,
  type Outcome,
  type SavedPart,
  type ShardId,
  shardName,
  type TrainerEffect,
  type TrainerEvent,
  type TrainerState,
} from '../roles/trainer-state.ts';
import { allCalls } from '../training/calls.ts';
import type { Frame } from '../training/frame.ts';
import type { Way } from '../wire/channel.ts';
import type { Message } from '../wire/messages.ts';
import { BORDER, type BorderHead, decodeHead } from '../wire/routing.ts';
import { isRunTag } from '../wire/run-tag.ts';
import { Closings } from './closings.ts';
import type { Ending } from './ending.ts';
import type { DrivenShard, ShardCalls, TrainerPorts } from './ports.ts';
import { Turns } from './turns.ts';

/** How often it looks whether neighbours have signed the last stretch of a run, and how long at most. */
const SIGNED_LOOK_MS = 20;
const MAX_SIGNED_MS = 1000;

const behindOf = ({ behind }: DrivenShard, outcome: Outcome): { readonly to?: number } =>
  outcome === 'behind' && behind !== undefined ? { to: behind } : {};

type ShardEffect = Exclude<TrainerEffect, { readonly kind: 'send' | 'leave' | 'open' | 'close' }>;

export class TrainerDriver<S extends DrivenShard> {
  readonly #ports: TrainerPorts<S>;
  readonly #shards = new Map<string, S>();
  /** Calls of a shard take turns, so a new term begins when the old one's last work has ended. */
  readonly #turns = new Turns();
  readonly #closings = new Closings();
  readonly #queue: TrainerEvent[] = [];
  #state: TrainerState = EMPTY_TRAINER;
  #handling = false;
  #stopped = false;
  #endHeartbeat: () => void = () => undefined;
  /** While it has shards. */
  #endLooks: (() => void) | undefined;

  constructor(ports: TrainerPorts<S>) {
    this.#ports = ports;
  }

  /** From now on it says every heartbeat how far it is. */
  start(): void {
    this.#endHeartbeat = this.#ports.clock.every(HEARTBEAT_MS, () =>
      this.#dispatch({ kind: 'tick', measured: this.#measured() }),
    );
  }

  /** Its shards go on with what is under way, and nothing that comes of it matters. */
  stop(): void {
    this.#stopped = true;
    this.#endHeartbeat();
    this.#endLooks?.();
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  get state(): TrainerState {
    return this.#state;
  }

  /** Those that are loaded. */
  get shards(): readonly S[] {
    return [...this.#shards.values()];
  }

  connected(): void {
    this.#dispatch({ kind: 'connected', measured: this.#measured() });
  }

  disconnected(): void {
    this.#dispatch({ kind: 'disconnected' });
  }

  /** A message of the synchronizer. */
  hear(message: Message): void {
    this.#dispatch({ kind: 'message', message });
  }

  leave(): void {
    this.#dispatch({ kind: 'leaving' });
  }

  /** A border packet of another trainer. */
  receive(packet: Uint8Array, way: Way): void {
    const head = decodeHead(packet);
    if (head?.kind === BORDER) this.shardOf(head)?.receive(head.from, packet, way);
  }

  /** The shard that a border packet is for, if it is here and in that term. */
  shardOf({ run, to, term }: BorderHead): S | undefined {
    const shard = Object.values(this.#state.shards).find(
      (s) => s.shard === to && s.term === term && s.phase !== 'loading' && isRunTag(run, s.run),
    );
    return shard && this.#shards.get(shardName(shard));
  }

  #dispatch(event: TrainerEvent): void {
    this.#queue.push(event);
    if (this.#handling) return;
    this.#handling = true;
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
        const step = trainer(this.#state, next);
        this.#state = step.state;
        for (const effect of step.effects) this.#carryOut(effect);
      }
    } finally {
      this.#handling = false;
    }
    this.#setLooks();
  }

  #setLooks(): void {
    const hasShards = !this.#stopped && Object.keys(this.#state.shards).length > 0;
    if (hasShards) this.#endLooks ??= this.#ports.clock.every(LOOK_MS, () => this.#look());
    else {
      this.#endLooks?.();
      this.#endLooks = undefined;
    }
  }

  #look(): void {
    if (Object.values(this.#state.shards).some(({ phase }) => phase === 'waiting'))
      this.#dispatch({ kind: 'look', measured: this.#measured() });
  }

  #carryOut(effect: TrainerEffect): void {
    switch (effect.kind) {
      case 'send':
        this.#ports.link.send(effect.message);
        return;
      case 'leave':
        this.#ports.link.leave(effect.reason);
        return;
      case 'open':
        this.#turns.add(shardName(effect.at), (ended) => this.#open(effect, ended));
        return;
      case 'close':
        this.#closings.begin();
        this.#inTurn<void>(effect.at, (ending) => this.#close(effect.at, this.#closings.ended(ending)));
        return;
      default:
        this.#onShard(effect);
    }
  }

  #onShard(effect: ShardEffect): void {
    const { at } = effect;
    const shard = this.#shards.get(shardName(at));
    if (!shard) return;
    switch (effect.kind) {
      case 'offer':
        this.#dispatch({ kind: 'offered', at, exchange: shard.offer() });
        return;
      case 'peers':
        shard.setPeers(effect.peers);
        this.#meetNeighbours();
        return;
      case 'begin':
        this.#attempt(at, () => shard.begin(effect.callIndex, effect.call));
        return;
      case 'advance':
        this.#inTurn(at, shard.advance.bind(shard), (outcome) =>
          this.#dispatch({ kind: 'advanced', at, outcome, commits: shard.takeCommits(), ...behindOf(shard, outcome) }),
        );
        return;
      case 'save': {
        const { calls, last } = effect;
        this.#turns.add(shardName(at), (ended) => {
          const kept = (): void => {
            this.#dispatch({ kind: 'kept', at, calls, commits: shard.takeCommits() });
            ended();
          };
          const saved = (part: SavedPart): void =>
            this.#dispatch({ kind: 'saved', at, calls, part, measured: this.#measured() });
          const done = (part: SavedPart): void =>
            this.#isEnd(shard, at, calls) ? this.#whenSigned(shard, () => saved(part)) : saved(part);
          const failed = (error: unknown): void => {
            this.#fail(at, error);
            ended();
          };
          this.#attempt(at, () => shard.save(calls, last, kept, { done, failed }), ended);
        });
        return;
      }
      case 'resume':
        shard.requestResume();
        return;
      case 'go-on':
        shard.goOn?.(at.term);
        return;
      case 'away':
        shard.setAway?.(effect.shards, effect.lost);
        return;
      case 'rewind':
        this.#attempt(at, () => shard.rewind?.(effect.calls));
        return;
      case 'skip':
        this.#attempt(at, () => shard.skip?.(effect.calls));
        return;
      case 'forget':
        shard.forget(effect.before);
    }
  }

  /** Behind its last part the run may be over, and its shard closed. */
  #isEnd({ deployment }: S, at: ShardId, calls: number): boolean {
    return calls === allCalls(deployment) || calls === this.#state.shards[shardName(at)]?.stopAt;
  }

  /** What neighbours sign of the last stretch is on its way, or lost. */
  #whenSigned(shard: S, then: () => void): void {
    if (!shard.isUnsigned?.()) {
      then();
      return;
    }
    const since = this.#ports.clock.now();
    const end = this.#ports.clock.every(SIGNED_LOOK_MS, () => {
      const isOver = !shard.isUnsigned?.() || this.#ports.clock.now() - since >= MAX_SIGNED_MS;
      if (!isOver && !this.#stopped) return;
      end();
      then();
    });
  }

  #inTurn<T>(at: ShardId, work: (ending: Ending<T>) => void, then: (value: T) => void = () => undefined): void {
    this.#turns.add(shardName(at), (ended) => {
      const failed = (error: unknown): void => {
        this.#fail(at, error);
        ended();
      };
      const done = (value: T): void => {
        then(value);
        ended();
      };
      this.#attempt(at, () => work({ done, failed }), ended);
    });
  }

  #attempt(at: ShardId, work: () => void, otherwise: () => void = () => undefined): void {
    try {
      work();
    } catch (error) {
      this.#fail(at, error);
      otherwise();
    }
  }

  #fail(at: ShardId, error: unknown): void {
    if (this.#stopped) return;
    const { code = 'internal', message } = error as { code?: string; message: string };
    const stack = error instanceof Error ? error.stack : undefined;
    this.#ports.log({ event: 'shard-failed', ...at, code, message, stack });
    this.#dispatch({ kind: 'failed', at, code: String(code), reason: message });
  }

  #open({ at, deployment, restore }: Extract<TrainerEffect, { kind: 'open' }>, ended: () => void): void {
    if (!this.#isCurrent(at)) {
      ended();
      return;
    }
    const failed = (error: unknown): void => {
      this.#fail(at, error);
      ended();
    };
    const restored = (shard: S): void => {
      this.#dispatch({ kind: 'opened', at, deployment: shard.deployment, calls: restore?.calls ?? 0 });
      ended();
    };
    const opened = (shard: S): void => {
      this.#shards.set(shardName(at), shard);
      shard.restore(at.term, restore, { done: () => restored(shard), failed });
    };
    const known = this.#shards.get(shardName(at));
    const work = (): void =>
      known
        ? opened(known)
        : this.#closings.behind(() =>
            this.#ports.host.open(at, deployment, this.#callsOf(at), { done: opened, failed }),
          );
    this.#attempt(at, work, ended);
  }

  #close(at: ShardId, ending: Ending<void>): void {
    const name = shardName(at);
    // It may have come back in a newer term meanwhile: then it stays loaded.
    if (this.#state.shards[name]) {
      ending.done();
      return;
    }
    const shard = this.#shards.get(name);
    this.#shards.delete(name);
    this.#meetNeighbours();
    this.#ports.host.close(at, shard, ending);
  }

  #meetNeighbours(): void {
    this.#ports.link.meet(this.shards.flatMap(({ owners }) => owners));
  }

  #callsOf(at: ShardId): ShardCalls {
    /** In the term of now: a shard stays loaded from one to the next. */
    const now = (): ShardId => {
      const { run, term, shard } = this.#state.shards[shardName(at)] ?? at;
      return { run, term, shard };
    };
    return {
      carry: this.#ports.link.carry,
      handOver: (to, frame, term) => this.#handOver({ run: at.run, shard: to, term }, frame),
      bound: (message) => this.#dispatch({ kind: 'bound', at: now(), message }),
      news: () => this.#dispatch({ kind: 'news', at: now() }),
      dispute: ({ peer, call, what, evidence, reason }) => {
        const said = { peer, call, what };
        this.#ports.log({ event: 'dispute', ...now(), ...said, reason });
        this.#dispatch({ kind: 'disputed', at: now(), dispute: { ...said, ...(evidence ? { evidence } : {}) } });
      },
    };
  }

  #isCurrent(at: ShardId): boolean {
    return this.#state.shards[shardName(at)]?.term === at.term;
  }

  /** Two shards of one trainer come to a new term one after the other: a frame of the old one is dropped. */
  #handOver(to: ShardId, frame: Frame): string | undefined {
    const shard = this.#shards.get(shardName(to));
    if (shard?.term !== to.term || !this.#isCurrent(to)) return undefined;
    const refusal = shard.deliver(frame);
    if (refusal === undefined) this.#dispatch({ kind: 'news', at: to });
    return refusal;
  }

  #measured(): Measured {
    const shards: Record<string, Measure> = {};
    let refused = this.#ports.link.refused();
    for (const [name, shard] of this.#shards) {
      const measure = shard.measure();
      shards[name] = measure;
      refused += measure.refused;
    }
    return { now: this.#ports.clock.now(), shards, refused };
  }
}
