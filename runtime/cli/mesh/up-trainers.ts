/** The trainers of `nmc up`: processes that are started again when they have died. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureKey } from '../../identity/key-file.ts';
import { keyText } from '../../identity/key-text.ts';
import { ask } from '../../net/ask.ts';
import type { MeshStatus } from '../../net/mesh-status.ts';
import { wallNow } from '../../support/clock.ts';
import { EnvironmentError, UserError } from '../../support/errors.ts';
import { printed } from '../../support/printable.ts';
import { emulationOptions } from './emulation.ts';
import type { UpArguments } from './options.ts';
import { startOfTrainer } from './start-of-trainer.ts';
import { Child } from './up-child.ts';
import type { UpSynchronizers } from './up-synchronizers.ts';
import { within } from './within.ts';

const MEGABYTE = 1e6;
const LOOK_EVERY_MS = 150;
/** A dead trainer comes back when its shards are in other hands, at the latest after this. */
const BACK_AFTER_MS = 8000;
/** A busy machine measures itself and loads its devices for minutes when it does so for the first time. */
const UP_WITHIN_MS = 180_000;
/** A trainer that was ended so often, for its memory or a device that does not answer, stays away. */
const MAX_OVERRUNS = 3;
/** Their shards are saved already. */
const DOWN_WITHIN_MS = 3000;

interface Started {
  readonly name: string;
  /** Which synchronizer it joins at, counted from 0. */
  readonly at: number;
  child: Child;
  diedAt: number;
  overruns: number;
}

export class UpTrainers {
  readonly #state: string;
  readonly #args: UpArguments;
  readonly #synchronizers: UpSynchronizers;
  #all: readonly Started[] = [];

  constructor(args: UpArguments, state: string, synchronizers: UpSynchronizers) {
    this.#args = args;
    this.#state = state;
    this.#synchronizers = synchronizers;
  }

  /** Spread over the synchronizers. @returns when all are members @throws EnvironmentError `mesh/trainer`, `mesh/slow` */
  async start(count: number, stopped: () => boolean): Promise<void> {
    const gateways = this.#synchronizers.announced.length;
    for (let i = 0; i < count; i++) {
      const name = `trainer-${i + 1}`;
      const at = i % gateways;
      await this.#list(name);
      this.#all = [...this.#all, { name, at, child: this.#begin(name, at), diedAt: 0, overruns: 0 }];
    }
    const end = wallNow() + UP_WITHIN_MS;
    while (!stopped() && (await this.members()).length < count) {
      const dead = this.#all.find((t) => t.child.ended);
      if (dead) throw new EnvironmentError('mesh/trainer', `${dead.name} has ended: ${dead.child.lastWords()}`);
      if (wallNow() > end)
        throw new EnvironmentError(
          'mesh/slow',
          'not all trainers have joined within a minute',
          `see ${join(this.#state, 'logs')}`,
        );
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** Trainers of this process that are members now. */
  async members(): Promise<MeshStatus['trainers']> {
    const status = await this.#synchronizers.status();
    const pids = this.#all.map((t) => t.child.pid);
    return (status?.trainers ?? []).filter((t) => pids.includes(t.pid ?? -1));
  }

  /** Starts again what has died. */
  async lookAfter(): Promise<void> {
    for (const trainer of this.#all) {
      if (!trainer.child.ended) continue;
      if (trainer.child.left) {
        await this.#letGo(trainer.name);
        continue;
      }
      const { ending } = trainer.child;
      if (trainer.diedAt === 0 && ending) {
        trainer.overruns++;
        const again = trainer.overruns < MAX_OVERRUNS ? 'it is started again' : 'it is not started again';
        process.stderr.write(printed`${trainer.name}: ${ending.message}; ${again}\n`);
      }
      trainer.diedAt ||= wallNow();
      // What fills the memory, or never answers, would be given to it again.
      if (trainer.overruns >= MAX_OVERRUNS) continue;
      const status = await this.#synchronizers.status();
      const handedOver = status?.trainers.every((t) => t.name !== trainer.name) ?? false;
      if (!handedOver && wallNow() - trainer.diedAt < BACK_AFTER_MS) continue;
      if (await this.#mayComeBack(trainer.name)) {
        trainer.child = this.#begin(trainer.name, trainer.at);
        trainer.diedAt = 0;
      }
    }
  }

  /** An operator has asked it to leave, or has revoked its key: then it is not started again. */
  async #letGo(name: string): Promise<void> {
    if (!(await this.#mayComeBack(name))) return;
    this.#all = this.#all.filter((t) => t.name !== name);
    process.stderr.write(printed`${name} has left and is not started again\n`);
  }

  /** Where an operator has revoked its key it is let go. */
  async #mayComeBack(name: string): Promise<boolean> {
    try {
      await this.#list(name);
      return true;
    } catch (error) {
      // The mesh is away for a moment.
      if (!(error instanceof UserError) || error.code !== 'keys/ended') this.#synchronizers.forgetLink();
      else {
        this.#all = this.#all.filter((t) => t.name !== name);
        process.stderr.write(printed`${name} does not come back: ${error.message}\n`);
      }
      return false;
    }
  }

  /** So that this mesh's own trainers need no invite. @throws UserError `keys/ended` */
  async #list(name: string): Promise<void> {
    const key = keyText(ensureKey(join(this.#folderOf(name), 'key.json')).publicKey);
    await ask(await this.#synchronizers.link(), { what: 'allow', key, role: 'trainer', fresh: true });
  }

  #folderOf(name: string): string {
    return join(this.#state, 'trainers', name);
  }

  async stop(): Promise<void> {
    for (const { child } of this.#all) child.tell('stop\n');
    await within(DOWN_WITHIN_MS, Promise.all(this.#all.map(({ child }) => child.exit)));
  }

  kill(): void {
    for (const { child } of this.#all) child.kill();
  }

  #begin(name: string, at: number): Child {
    const { address = '', key = '' } = this.#synchronizers.announced[at] ?? {};
    const device = this.#args.device;
    const megabytes = this.#args['max-memory'];
    const options = [
      '--name',
      name,
      '--state',
      this.#folderOf(name),
      '--fingerprint',
      key,
      '--insecure',
      ...(device === undefined ? [] : ['--device', device]),
      ...emulationOptions(this.#args),
      ...(megabytes === undefined ? [] : ['--max-memory', String(megabytes)]),
      ...(this.#args.relay ? ['--relay'] : []),
    ];
    const log = join(this.#state, 'logs', `${name}.log`);
    const allowed = megabytes === undefined ? undefined : megabytes * MEGABYTE;
    return new Child(['join', address, ...options], log, { NMC_INVITE: '' }, allowed, startOfTrainer(allowed));
  }
}
