/** `nmc up`: a whole mesh on this machine: one synchronizer and trainers, each a process of its own, kept alive. */
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureKey, userKeyPath } from '../../identity/key-file.ts';
import { keyBytes, keyText } from '../../identity/key-text.ts';
import { type Address, addressText, parseAddress } from '../../net/address.ts';
import { ask } from '../../net/ask.ts';
import { askStatus } from '../../net/ask-status.ts';
import { dial } from '../../net/dial.ts';
import type { Link } from '../../net/link.ts';
import { meshOptions } from '../../net/mesh-options.ts';
import type { MeshStatus } from '../../net/mesh-status.ts';
import { wallNow } from '../../support/clock.ts';
import { nmc, withCommands } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { EnvironmentError, RelayedCode, UserError } from '../../support/errors.ts';
import { onInterrupt } from '../../support/interrupt.ts';
import { printableLines, printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { exampleModel } from '../shell/example-model.ts';
import { emulationOf, emulationOptions, emulationText } from './emulation.ts';
import { type Announced, firstWords } from './first-words.ts';
import { addressHere, joinAddresses } from './join-addresses.ts';
import { joinCommands, joinLine, PRINTED } from './join-line.ts';
import { assertSecure } from './mesh-link.ts';
import type { UpArguments } from './options.ts';
import { defaultState, ownFolder } from './state-folder.ts';
import { Child } from './up-child.ts';

const MEGABYTE = 1e6;
const LOOK_EVERY_MS = 150;
/** A dead trainer comes back when its shards are in other hands, at the latest after this. */
const BACK_AFTER_MS = 8000;
/** A busy machine measures itself and loads its devices for minutes when it does so for the first time. */
const UP_WITHIN_MS = 180_000;
/** A trainer that was ended so often, for its memory or a device that does not answer, stays away. */
const MAX_OVERRUNS = 3;
const DOWN_WITHIN_MS = 15_000;
/** Their shards are saved already. */
const TRAINERS_DOWN_WITHIN_MS = 3000;

const REPAIRS: Readonly<Record<string, string>> = {
  'mesh/state-damaged': 'restore the folder from a copy, or start with another --state',
  'mesh/state-older': 'restore the folder from a copy, or accept the older state: --accept-older-state',
};
/** Starts a mesh that other machines of the same network can reach. */
const OPEN = nmc`up --listen 0.0.0.0 --insecure`;
const REPAIR = 'use another --port, or see the logs in the state folder';

export default async function (args: UpArguments): Promise<number> {
  const trainers = args.trainers ?? 2;
  args['max-memory'];
  const state = resolve(args.state ?? defaultState());
  const asked = listenAddress(args);
  assertSecure(asked, args);
  ownFolder(state);
  ownFolder(join(state, 'logs'));
  const mesh = new Mesh(args, state, asked);
  let stopping = false;
  const release = onInterrupt(
    () => {
      stopping = true;
      if (!args.json) process.stderr.write('stopping after a last snapshot; press again to stop at once\n');
    },
    {
      on: (signal, listener) => process.on(signal, listener),
      off: (signal, listener) => process.off(signal, listener),
      exit: () => {
        mesh.kill();
        process.exit(EXIT.interrupted);
      },
    },
  );
  try {
    const announced = await mesh.start(trainers, () => stopping);
    if (!stopping) announce(args, announced, await mesh.members());
    while (!stopping) {
      await mesh.lookAfter();
      await sleep(LOOK_EVERY_MS);
    }
    await mesh.stop();
    return EXIT.done;
  } finally {
    mesh.kill();
    release();
  }
}

/** `--listen HOST:PORT`, or `--listen HOST` with `--port`. @throws UserError `usage/port` for two ports */
function listenAddress(args: UpArguments): Address {
  const said = args.listen ?? '127.0.0.1';
  const asked = parseAddress(said);
  const port = args.port;
  if (
    port !== undefined &&
    port !== asked.port &&
    /:\d+\/?$/.test(said.replace(/^wss?:\/\//, '').replace(/^\[.*\]/, ''))
  )
    throw new UserError('usage/port', `--listen ${said} and --port ${port} give two ports`, 'leave --port out');
  return { ...asked, port: port ?? asked.port };
}

function announce(args: UpArguments, { address, key, invite }: Announced, trainers: MeshStatus['trainers']): void {
  const emulation = emulationOf(args);
  const listening = parseAddress(address);
  const addresses = joinAddresses(listening);
  if (args.json) {
    emit({
      event: 'up',
      address,
      trainers: trainers.map(({ name, key: own, pid }) => ({ name, key: own, pid })),
      key,
      invite,
      ...(emulation ? { emulating: emulation } : {}),
      join: joinCommands({ addresses, key }).map((command) => withCommands(command)),
    });
    return;
  }
  const mesh = meshOptions(addressHere(listening));
  process.stdout.write(
    printed`mesh at ${address}: ${trainers.length} trainers${emulationText(emulation)}\n  ${nmc`deploy ${exampleModel()} --watch ${mesh}`}\n  ${nmc`status ${mesh}`}\n` +
      printableLines(joinLine({ addresses, key, invite, open: OPEN, mesh, ...PRINTED })),
  );
}

class Mesh {
  readonly #state: string;
  readonly #args: UpArguments;
  #listen: ReturnType<typeof parseAddress>;
  #synchronizer: Child | undefined;
  #trainers: readonly { readonly name: string; child: Child; diedAt: number; overruns: number }[] = [];
  #announced: Announced = { address: '', key: '', invite: '' };
  #link: Link | undefined;

  constructor(args: UpArguments, state: string, listen: ReturnType<typeof parseAddress>) {
    this.#args = args;
    this.#state = state;
    this.#listen = listen;
  }

  async start(trainers: number, stopped: () => boolean): Promise<Announced> {
    await this.#startSynchronizer();
    for (let i = 1; i <= trainers; i++) {
      const name = `trainer-${i}`;
      await this.#list(name);
      this.#trainers = [...this.#trainers, { name, child: this.#startTrainer(name), diedAt: 0, overruns: 0 }];
    }
    const end = wallNow() + UP_WITHIN_MS;
    while (!stopped() && (await this.members()).length < trainers) {
      const dead = this.#trainers.find((t) => t.child.ended);
      if (dead) throw new EnvironmentError('mesh/trainer', `${dead.name} has ended: ${dead.child.lastWords()}`);
      if (wallNow() > end)
        throw new EnvironmentError(
          'mesh/slow',
          'not all trainers have joined within a minute',
          `see ${join(this.#state, 'logs')}`,
        );
      await sleep(LOOK_EVERY_MS);
    }
    return this.#announced;
  }

  /** Trainers of this process that are members now. */
  async members(): Promise<MeshStatus['trainers']> {
    const status = await this.#status();
    const pids = this.#trainers.map((t) => t.child.pid);
    return (status?.trainers ?? []).filter((t) => pids.includes(t.pid ?? -1));
  }

  /** Starts again what has died. */
  async lookAfter(): Promise<void> {
    if (this.#synchronizer?.ended) {
      this.#link = undefined;
      await this.#startSynchronizer();
    }
    for (const trainer of this.#trainers) {
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
      const status = await this.#status();
      const handedOver = status?.trainers.every((t) => t.name !== trainer.name) ?? false;
      if (!handedOver && wallNow() - trainer.diedAt < BACK_AFTER_MS) continue;
      if (await this.#mayComeBack(trainer.name)) {
        trainer.child = this.#startTrainer(trainer.name);
        trainer.diedAt = 0;
      }
    }
  }

  /** An operator has asked it to leave, or has revoked its key: then it is not started again. */
  async #letGo(name: string): Promise<void> {
    if (!(await this.#mayComeBack(name))) return;
    this.#trainers = this.#trainers.filter((t) => t.name !== name);
    process.stderr.write(printed`${name} has left and is not started again\n`);
  }

  /** Where an operator has revoked its key it is let go. */
  async #mayComeBack(name: string): Promise<boolean> {
    try {
      await this.#list(name);
      return true;
    } catch (error) {
      // The mesh is away for a moment.
      if (!(error instanceof UserError) || error.code !== 'keys/ended') this.#link = undefined;
      else {
        this.#trainers = this.#trainers.filter((t) => t.name !== name);
        process.stderr.write(printed`${name} does not come back: ${error.message}\n`);
      }
      return false;
    }
  }

  /** So that this mesh's own trainers need no invite. @throws UserError `keys/ended` */
  async #list(name: string): Promise<void> {
    const key = keyText(ensureKey(join(this.#folderOf(name), 'key.json')).publicKey);
    this.#link ??= await this.#dial();
    await ask(this.#link, { what: 'allow', key, role: 'trainer', fresh: true });
  }

  #folderOf(name: string): string {
    return join(this.#state, 'trainers', name);
  }

  async stop(): Promise<void> {
    this.#link?.close();
    this.#synchronizer?.tell('stop\n');
    await within(DOWN_WITHIN_MS, this.#synchronizer?.exit);
    // Trainers of other machines wait for the mesh to come back; those of this process end with it.
    for (const { child } of this.#trainers) child.tell('stop\n');
    await within(TRAINERS_DOWN_WITHIN_MS, Promise.all(this.#trainers.map(({ child }) => child.exit)));
  }

  kill(): void {
    for (const { child } of this.#trainers) child.kill();
    this.#synchronizer?.kill();
  }

  async #startSynchronizer(): Promise<void> {
    const listen = addressText(this.#listen);
    const insecure = this.#args.insecure ? ['--insecure'] : [];
    const tokens = this.#args.tokens;
    // Once: started again, it has to find what it has confirmed since.
    const accept = this.#args['accept-older-state'] && !this.#synchronizer ? ['--accept-older-state'] : [];
    const door = [
      ...this.#args.host.flatMap((host) => ['--host', host]),
      ...this.#args.origin.flatMap((origin) => ['--origin', origin]),
      ...(tokens === undefined ? [] : ['--tokens', tokens]),
    ];
    const child = new Child(
      ['synchronizer', '--listen', listen, '--state', this.#state, '--json', ...insecure, ...accept, ...door],
      join(this.#state, 'logs', 'synchronizer.log'),
      {},
    );
    this.#synchronizer = child;
    const line = await child.firstLine;
    if (line === undefined)
      throw new EnvironmentError('mesh/synchronizer', `the synchronizer has not started: ${child.lastWords()}`);
    const said = firstWords(line);
    if ('code' in said)
      throw new EnvironmentError(new RelayedCode(said.code), said.message, REPAIRS[said.code] ?? REPAIR);
    const { address, key, invite } = said;
    this.#announced = { address, key, invite };
    // A port that was drawn stays the same when it is started again.
    this.#listen = { ...this.#listen, port: parseAddress(address).port };
  }

  #startTrainer(name: string): Child {
    const { address, key } = this.#announced;
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
    return new Child(['join', address, ...options], log, { NMC_INVITE: '' }, allowed);
  }

  async #status(): Promise<MeshStatus | undefined> {
    try {
      this.#link ??= await this.#dial();
      return await askStatus(this.#link);
    } catch {
      // Away for a moment; the caller asks again.
      this.#link = undefined;
      return undefined;
    }
  }

  #dial(): Promise<Link> {
    const pinned = keyBytes(this.#announced.key);
    const address = parseAddress(this.#announced.address);
    return dial({ address, role: 'operator', keys: ensureKey(userKeyPath()), ...(pinned ? { pinned } : {}) });
  }
}

async function within(milliseconds: number, what: Promise<unknown> | undefined): Promise<void> {
  await Promise.race([what, sleep(milliseconds, undefined, { ref: false })]);
}
