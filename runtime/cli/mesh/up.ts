/**
 * `nmc up`: a whole mesh on this machine, each part a process of its own, kept alive: trainers, and one synchronizer, or
 * several with the server of NATS that they share.
 */
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Address, parseAddress } from '../../net/address.ts';
import { meshOptions } from '../../net/mesh-options.ts';
import type { MeshStatus } from '../../net/mesh-status.ts';
import { nmc, withCommands } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { onInterrupt } from '../../support/interrupt.ts';
import { printableLines, printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { exampleModel } from '../shell/example-model.ts';
import { emulationOf, emulationText } from './emulation.ts';
import type { Announced } from './first-words.ts';
import { addressHere, joinAddresses } from './join-addresses.ts';
import { joinCommands, joinLine, PRINTED } from './join-line.ts';
import { assertSecure } from './mesh-link.ts';
import type { UpArguments } from './options.ts';
import type { OwnServer } from './own-server.ts';
import { defaultState, ownFolder } from './state-folder.ts';
import { UpSynchronizers } from './up-synchronizers.ts';
import { UpTrainers } from './up-trainers.ts';

const LOOK_EVERY_MS = 150;
/** Starts a mesh that other machines of the same network can reach. */
const OPEN = nmc`up --listen 0.0.0.0 --insecure`;
/** Of `--nats`, unless it is said. */
const SYNCHRONIZERS = 3;

export default async function (args: UpArguments): Promise<number> {
  const count = synchronizersOf(args);
  const state = resolve(args.state ?? defaultState());
  const asked = listenAddress(args);
  assertSecure(asked, args);
  ownFolder(state);
  ownFolder(join(state, 'logs'));
  let mesh: Mesh | undefined;
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
        mesh?.kill();
        process.exit(EXIT.interrupted);
      },
    },
  );
  try {
    mesh = new Mesh(args, state, args.nats ? await ownServer(args, state) : undefined);
    await mesh.synchronizers.start(count, asked);
    await mesh.trainers.start(args.trainers ?? 2, () => stopping);
    if (!stopping) announce(args, mesh.synchronizers.announced, await mesh.trainers.members());
    while (!stopping) {
      await mesh.lookAfter();
      await sleep(LOOK_EVERY_MS);
    }
    await mesh.stop();
    return EXIT.done;
  } finally {
    mesh?.kill();
    release();
  }
}

class Mesh {
  readonly synchronizers: UpSynchronizers;
  readonly trainers: UpTrainers;
  readonly #server: OwnServer | undefined;

  constructor(args: UpArguments, state: string, server: OwnServer | undefined) {
    this.#server = server;
    this.synchronizers = new UpSynchronizers(args, state, server);
    this.trainers = new UpTrainers(args, state, this.synchronizers);
  }

  /** Starts again what has died. */
  async lookAfter(): Promise<void> {
    await this.#server?.lookAfter();
    await this.synchronizers.lookAfter();
    await this.trainers.lookAfter();
  }

  /** Trainers of other machines wait for the mesh to come back; those of this process end with it. */
  async stop(): Promise<void> {
    await this.synchronizers.stop();
    await this.trainers.stop();
    await this.#server?.stop();
  }

  kill(): void {
    this.trainers.kill();
    this.synchronizers.kill();
    this.#server?.kill();
  }
}

/** @throws UserError `usage/nats` for several without a server that they share */
function synchronizersOf(args: UpArguments): number {
  const { nats, synchronizers = nats ? SYNCHRONIZERS : 1 } = args;
  if (synchronizers > 1 && !nats)
    throw new UserError('usage/nats', 'several synchronizers keep their mesh in a server of NATS', 'add --nats');
  if (args['accept-older-server'] && !nats)
    throw new UserError('usage/nats', '--accept-older-server is for a mesh that is kept in NATS', 'add --nats');
  return synchronizers;
}

/** The client of NATS is loaded for this alone. */
async function ownServer(args: UpArguments, state: string): Promise<OwnServer> {
  const { OwnServer: Server } = await import('./own-server.ts');
  return Server.start(state, args['accept-older-server']);
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

function announce(args: UpArguments, all: readonly Announced[], trainers: MeshStatus['trainers']): void {
  const [first, ...others] = all;
  if (!first) return;
  const { address, key, invite } = first;
  const emulation = emulationOf(args);
  const listening = parseAddress(address);
  const addresses = joinAddresses(listening);
  if (args.json) {
    emit({
      event: 'up',
      address,
      ...(others.length > 0 ? { synchronizers: all.map((each) => each.address) } : {}),
      trainers: trainers.map(({ name, key: own, pid }) => ({ name, key: own, pid })),
      key,
      invite,
      ...(emulation ? { emulating: emulation } : {}),
      join: joinCommands({ addresses, key }).map((command) => withCommands(command)),
    });
    return;
  }
  const mesh = meshOptions(addressHere(listening));
  const more = others.length > 0 ? printed` and ${others.map((each) => each.address).join(', ')}` : '';
  process.stdout.write(
    printed`mesh at ${address}${more}: ${trainers.length} trainers${emulationText(emulation)}\n  ${nmc`deploy ${exampleModel()} --watch ${mesh}`}\n  ${nmc`status ${mesh}`}\n` +
      printableLines(joinLine({ addresses, key, invite, open: OPEN, mesh, ...PRINTED })),
  );
}
