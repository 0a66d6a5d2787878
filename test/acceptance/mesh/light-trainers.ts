/** Many trainers in one process: each with the production code's node and pulse, and none with anything to compute. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openShardPlan } from '../../../runtime/cli/mesh/open-shard-plan.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import { newKeyPair } from '../../../runtime/identity/ed25519.ts';
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

export class LightTrainers {
  readonly #nodes: TrainerNode[] = [];
  readonly #pulses: Link[] = [];
  #ended = false;
  #beats = 0;

  get count(): number {
    return this.#nodes.length;
  }

  /** Signs of life that were answered so far: two a second of each where nothing is short of processors. */
  get beats(): number {
    return this.#beats;
  }

  /** More of them, at each address in turn. */
  async join(more: number, addresses: readonly string[], invite: Invite): Promise<void> {
    for (let i = 0; i < more; i++) {
      this.#begin(parseAddress(addresses[this.count % addresses.length] ?? ''), invite);
      if (i % AT_ONCE === AT_ONCE - 1) await sleep(BETWEEN_MS);
    }
  }

  end(): void {
    this.#ended = true;
    for (const node of this.#nodes) node.stop();
    for (const link of this.#pulses) link.close();
  }

  #begin(address: Address, invite: Invite): void {
    const device = referenceDevice;
    const keys = newKeyPair();
    const node = new TrainerNode({
      ...{ address, keys, invite, device, name: `light-${this.count + 1}`, log: () => undefined },
      capability: { cores: 1, memory: 1e9, rate: 1e9, upload: 0, download: 0, machine: `machine-${this.count + 1}` },
      cache: { get: () => undefined, put: () => '' },
      openPlan: openShardPlan(device),
      onConnected: (gateway) => void this.#beat(gateway, keys, node.instance).catch(() => undefined),
    });
    this.#nodes.push(node);
    node.run().catch(() => undefined);
  }

  /** As the thread of a real one does, whose connection this is. */
  async #beat(address: Address, keys: ReturnType<typeof newKeyPair>, instance: string): Promise<void> {
    const link = await dial({ address, keys, role: 'viewer' });
    this.#pulses.push(link);
    while (!this.#ended) {
      await ask(link, { what: 'alive', instance });
      this.#beats++;
      await sleep(HEARTBEAT_MS);
    }
  }
}
