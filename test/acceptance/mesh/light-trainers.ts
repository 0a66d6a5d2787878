/** Many trainers in one process: each with the production code's node and pulse, and none with anything to compute. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openShardPlan } from '../../../runtime/cli/mesh/open-shard-plan.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import { type KeyPair, newKeyPair } from '../../../runtime/identity/ed25519.ts';
import { type Address, parseAddress } from '../../../runtime/net/address.ts';
import { ask } from '../../../runtime/net/ask.ts';
import { dial } from '../../../runtime/net/dial.ts';
import type { Link } from '../../../runtime/net/link.ts';
import { TrainerNode } from '../../../runtime/net/trainer-node.ts';
import { HEARTBEAT_MS } from '../../../runtime/roles/liveness.ts';
import type { Invite } from '../../../runtime/wire/handshake.ts';

/** Begun at the same time: a gateway lets in so many at once. */
const AT_ONCE = 8;
const BETWEEN_MS = 100;
const RETRY_MS = 1000;

export class LightTrainers {
  /** By number; begun again where a busy gateway did not answer in time. */
  readonly #nodes = new Map<number, TrainerNode>();
  readonly #pulses: Link[] = [];
  #ended = false;
  #beats = 0;

  get count(): number {
    return this.#nodes.size;
  }

  /** Signs of life that were answered so far: two a second of each where nothing is short of processors. */
  get beats(): number {
    return this.#beats;
  }

  /** More of them, at each address in turn. */
  async join(more: number, addresses: readonly string[], invite: Invite): Promise<void> {
    for (let i = 0; i < more; i++) {
      this.#begin(this.count, parseAddress(addresses[this.count % addresses.length] ?? ''), newKeyPair(), invite);
      if (i % AT_ONCE === AT_ONCE - 1) await sleep(BETWEEN_MS);
    }
  }

  end(): void {
    this.#ended = true;
    for (const node of this.#nodes.values()) node.stop();
    for (const link of this.#pulses) link.close();
  }

  #begin(number: number, address: Address, keys: KeyPair, invite: Invite): void {
    if (this.#ended) return;
    const device = referenceDevice;
    const node = new TrainerNode({
      ...{ address, keys, invite, device, name: `light-${number + 1}`, log: () => undefined },
      capability: { cores: 1, memory: 1e9, rate: 1e9, upload: 0, download: 0, machine: `machine-${number + 1}` },
      cache: { get: () => undefined, put: () => '' },
      openPlan: openShardPlan(device),
      onConnected: (gateway) => void this.#beat(gateway, keys, node.instance).catch(() => undefined),
    });
    this.#nodes.set(number, node);
    node.run().catch(() => sleep(RETRY_MS).then(() => this.#begin(number, address, keys, invite)));
  }

  /** As the thread of a real one does, whose connection this is. */
  async #beat(address: Address, keys: KeyPair, instance: string): Promise<void> {
    const link = await dial({ address, keys, role: 'viewer' });
    this.#pulses.push(link);
    while (!this.#ended) {
      await ask(link, { what: 'alive', instance });
      this.#beats++;
      await sleep(HEARTBEAT_MS);
    }
  }
}
