/**
 * Two real trainers that share a model over real sockets, and a relay that a test plays: it says what a synchronizer
 * says, when it likes, sees all that goes through it, and may say old words again.
 */

import { mkdtempSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planBytes } from '../../../compiler/8-plan/build.ts';
import { BlobFiles } from '../../../runtime/backplane/blob-files.ts';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { verifyForeign } from '../../../runtime/cli/planning/verify-foreign.ts';
import type { Device } from '../../../runtime/device/device.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import { keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { Gateway } from '../../../runtime/net/gateway.ts';
import { makeDeployment } from '../../../runtime/net/make-deployment.ts';
import { TrainerNode } from '../../../runtime/net/trainer-node.ts';
import { planInMemory } from '../../../runtime/plan/plan-memory.ts';
import { verifyPlan } from '../../../runtime/plan/verify-plan.ts';
import type { Deployment } from '../../../runtime/wire/deployment.ts';
import type { Dispute, Exchange, Failed, Message, ShardReport } from '../../../runtime/wire/messages.ts';
import type { BorderHead } from '../../../runtime/wire/routing.ts';
import { filledData } from '../../support/filled-data.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { shardedPlan, THINNED } from '../../support/sharded-plans.ts';
import { seeded } from '../networked.ts';
import { identities } from './two-shards.ts';

const RUN = 'relayed-1';
const keys = identities.map((pair) => keyText(pair.publicKey)) as [string, string];
export const trainerKeys: readonly string[] = keys;

export class TwoTrainers {
  term = 1;
  /** Of each shard, in the term of now, in the order in which they were said. */
  exchanges: [Exchange[], Exchange[]] = [[], []];
  /** Heads of all packets that came to be carried. */
  readonly heads: BorderHead[] = [];
  readonly disputes: Dispute[] = [];
  readonly failed: Failed[] = [];
  /** The newest of each shard. */
  readonly reports: ShardReport[] = [];
  readonly #owners: readonly [number, number];
  readonly #folder = mkdtempSync(join(tmpdir(), 'nmc-relay-'));
  readonly #server: Server = createServer();
  readonly #gateway: Gateway;
  readonly #plan = shardedPlan(THINNED, 2);
  readonly #deployment: Deployment;
  #record = '';
  readonly #blobs: ReadonlyMap<string, Uint8Array>;
  readonly #backplane = embeddedBackplane(join(this.#folder, 'mesh'));
  readonly #nodes: TrainerNode[] = [];
  readonly #ended: Promise<unknown>[] = [];

  /** @param owners which trainer has which shard */
  constructor(owners: readonly [number, number] = [0, 1]) {
    this.#owners = owners;
    const { plan, files } = this.#plan;
    const train = filledData('thinned', 16, { x: 12, y: 4 }, (i) => (i % 5) / 8);
    if (!plan.training) throw new Error('nothing is trained');
    const made = makeDeployment({
      verified: verifyPlan(planInMemory('it', new Map([['plan.json', planBytes(plan)], ...files])), verifyForeign),
      training: plan.training,
      data: { train, checks: [] },
      statistics: new Map(),
      ...{ epochs: 10_000, seed: 1, snapshotEvery: 20_000, codec: 'f32' },
      source: { path: '', text: '', compiler: '' },
    });
    this.#deployment = { ...made.deployment, run: RUN };
    this.#blobs = made.blobs;
    this.#gateway = new Gateway({
      keys: keyPairFromSeed(seeded(9)),
      backplane: this.#backplane,
      inviteKey: () => undefined,
      refuse: () => undefined,
      mayBe: () => true,
      blobRights: { mayGet: () => true, mayPut: () => true },
      holding: { hold: () => undefined, letGo: () => undefined },
      onMessage: ({ key }, message) => this.#hear(key, message),
      onAsk: async () => ({}),
      onClosed: () => undefined,
      route: (from, head) => {
        this.heads.push(head);
        return from === keys[0] ? keys[1] : keys[0];
      },
    });
  }

  /** @param devices of each trainer */
  async begin(devices: readonly [Device, Device] = [referenceDevice, referenceDevice]): Promise<void> {
    for (const bytes of this.#blobs.values()) await this.#backplane.putBlob(bytes);
    this.#record = await this.#backplane.putBlob(new TextEncoder().encode(JSON.stringify(this.#deployment)));
    this.#gateway.attach(this.#server);
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const { port } = this.#server.address() as AddressInfo;
    for (const [i, device] of devices.entries()) {
      const node = new TrainerNode({
        address: { host: '127.0.0.1', port, secure: false },
        keys: identities[i] as (typeof identities)[0],
        name: `t${i}`,
        capability: { cores: 1, memory: 1e9, rate: 1e9, upload: 0, download: 0, machine: 'm' },
        device,
        cache: new BlobFiles(join(this.#folder, `cache-${i}`), false),
        openPlan: async (_files, shard) => {
          const part = this.#plan.shards?.[shard];
          if (!part) throw new Error(`no shard ${shard}`);
          const { schedule, program } = part;
          return { schedule, states: program.states, memory: 0, lower: async () => ({ program, files: new Map() }) };
        },
        log: () => undefined,
      });
      this.#nodes.push(node);
      this.#ended.push(node.run());
    }
  }

  async end(): Promise<void> {
    for (const node of this.#nodes) node.stop();
    await Promise.all(this.#ended);
    this.#gateway.close();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.#backplane.close();
    removeFolder(this.#folder);
  }

  /** Says who the owners are: the newest keys, unless others are named. */
  tell(node: number, exchanges = this.exchanges.map((all) => all.at(-1))): void {
    const peers = exchanges.filter((e) => e !== undefined);
    this.#gateway.send(keys[node] as string, { type: 'peers', run: RUN, term: this.term, peers });
  }

  /** Ends a trainer's connection: it connects again by itself. */
  cut(node: number): void {
    this.#gateway.dismiss(keys[node] as string, 'cut');
  }

  /** As after a dispute: the same owners, from the beginning. */
  newTerm(): void {
    this.term++;
    this.exchanges = [[], []];
    for (const node of [0, 1]) this.#assign(node);
  }

  #assign(node: number): void {
    const shards = [0, 1].filter((shard) => this.#owners[shard] === node).map((shard) => ({ shard }));
    const { term } = this;
    this.#gateway.send(keys[node] as string, { type: 'assign', run: RUN, term, deployment: this.#record, shards });
  }

  #hear(key: string, message: Message): void {
    switch (message.type) {
      case 'member':
        this.#gateway.send(key, { type: 'admitted', name: message.name, heartbeat: 500, lapse: 5000 });
        this.#assign(keys.indexOf(key));
        break;
      case 'ready': {
        if (message.term !== this.term) return;
        this.exchanges[message.exchange.shard]?.push(message.exchange);
        if (this.exchanges.some((all) => all.length === 0)) return;
        for (const to of [0, 1]) {
          this.tell(to);
          this.#gateway.send(keys[to] as string, { type: 'start', run: RUN, term: this.term, calls: 0 });
        }
        break;
      }
      case 'heartbeat':
        for (const report of message.shards) this.reports[report.shard] = report;
        break;
      case 'dispute':
        this.disputes.push(message);
        break;
      case 'failed':
        this.failed.push(message);
    }
  }
}
