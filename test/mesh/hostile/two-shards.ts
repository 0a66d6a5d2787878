/** Two shards with a border between them, whose packets and words a test carries, or does not. */
import type { KeyPair } from '../../../runtime/identity/ed25519.ts';
import { keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { type BorderDispute, ShardBorders } from '../../../runtime/net/shard-borders.ts';
import type { Frame } from '../../../runtime/training/frame.ts';
import type { Deployment } from '../../../runtime/wire/deployment.ts';
import type { Exchange } from '../../../runtime/wire/messages.ts';
import type { ShardSchedule } from '../../../spec/schedule.ts';
import { RUN, seeded } from '../networked.ts';

export type Side = 0 | 1;
export const TICKS = 8;
export const identities = [1, 2].map((n) => keyPairFromSeed(seeded(n))) as [KeyPair, KeyPair];
const VALUES = [{ name: 'v', shape: [3] }];

/** Message 5 goes from shard 0 to 1, message 6 back, in each tick. */
function scheduleOf(shard: Side): ShardSchedule {
  const messages = [
    { id: 5, from: 0, to: 1, values: VALUES },
    { id: 6, from: 1, to: 0, values: VALUES },
  ];
  const [receive, send] = shard === 0 ? [[6], [5]] : [[5], [6]];
  const rest = { begin: [], next: [], end: [] };
  const stage = { name: 'tick', repeat: TICKS, firstTick: 0, segments: [{ receive, send }], ...rest };
  return { shard, messages, functions: [{ name: 'train', batch: 1, inputs: [], stages: [stage], results: [] }] };
}

const lengths = { train: { length: 1000 }, checks: [], batch: 1, evaluations: [], epochs: 1, snapshotEvery: 1 };
const DEPLOYMENT = { run: RUN, plan: [], microbatches: 1, ...lengths } as unknown as Deployment;

export class TwoShards {
  readonly ends: readonly [ShardBorders, ShardBorders];
  /** Packets on their way, by sender. */
  readonly packets: [Uint8Array[], Uint8Array[]] = [[], []];
  readonly got: [Frame[], Frame[]] = [[], []];
  readonly disputes: [BorderDispute[], BorderDispute[]] = [[], []];
  /** All exchanges that each owner has signed. */
  readonly exchanges: [Exchange[], Exchange[]] = [[], []];
  /** Each packet that was sealed. */
  readonly sealed: Uint8Array[] = [];

  constructor(term = 1) {
    this.ends = [this.#end(0), this.#end(1)];
    for (const end of this.ends) end.begin(term);
  }

  #end(side: Side): ShardBorders {
    return new ShardBorders({
      deployment: DEPLOYMENT,
      schedule: scheduleOf(side),
      keys: identities[side],
      codec: 'f32',
      listen: undefined,
      carry: (packet) => {
        this.sealed.push(packet);
        this.packets[side].push(packet);
      },
      deliver: (frame) => {
        this.got[side].push(frame);
        return undefined;
      },
      news: () => undefined,
      dispute: (dispute) => this.disputes[side].push(dispute),
    });
  }

  /** A fresh key, as on a new connection. */
  offer(side: Side): void {
    this.exchanges[side].push(this.ends[side].offer());
  }

  /** Tells one end who the owners are, with these of their keys. */
  tell(to: Side, lower: Exchange | undefined, higher: Exchange | undefined): void {
    this.ends[to].setPeers([lower, higher].filter((e) => e !== undefined));
  }

  /** As an honest synchronizer does. */
  tellAll(): void {
    for (const side of [0, 1] as const) this.tell(side, this.exchanges[0].at(-1), this.exchanges[1].at(-1));
  }

  send(from: Side, call: number, tick: number, values = [call, tick, from]): void {
    const frame = { message: 5 + from, callIndex: call, microbatch: 0, tick, values: [Float32Array.from(values)] };
    this.ends[from].send(frame, 1 - from);
  }

  /** One packet. @returns whether there was one */
  deliver(from: Side): boolean {
    const packet = this.packets[from].shift();
    if (packet) this.ends[from === 0 ? 1 : 0].receive(from, packet, 'relay');
    return packet !== undefined;
  }

  settle(): void {
    while (this.deliver(0) || this.deliver(1));
  }
}
