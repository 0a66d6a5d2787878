/** `nmc join`: this machine becomes a trainer of a mesh. */
import { availableParallelism, freemem, hostname, totalmem } from 'node:os';
import { BlobCache } from '../../backplane/blob-cache.ts';
import type { Device } from '../../device/device.ts';
import { configFolder, ensureKey } from '../../identity/key-file.ts';
import { keyText } from '../../identity/key-text.ts';
import { rememberJoined, rememberMesh } from '../../identity/known-meshes.ts';
import { type Address, addressText, parseAddress } from '../../net/address.ts';
import { startPulse } from '../../net/pulse.ts';
import { RecordStore } from '../../net/records/record-store.ts';
import { TrainerNode } from '../../net/trainer-node.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { printed } from '../../support/printable.ts';
import { insideFolder, ownPath } from '../../support/safe-path.ts';
import { machineRecord } from '../measuring/machine-record.ts';
import { EXIT } from '../shell/command.ts';
import { commandDevice } from '../shell/command-device.ts';
import { packageVersion } from '../shell/package-root.ts';
import { watchDevice } from '../shell/stuck-device.ts';
import { hasParent, heedParent, startedByUp, tellParent } from '../shell/with-parent.ts';
import { emulationOf, emulationText, machineOf } from './emulation.ts';
import { guardTrainer } from './guard-trainer.ts';
import { inviteOf } from './invite-argument.ts';
import { tellOfJoin } from './join-report.ts';
import { assertSecure, trustOf } from './mesh-link.ts';
import { openShardPlan } from './open-shard-plan.ts';
import type { JoinArguments } from './options.ts';
import { holdTrainerFolder } from './state-folder.ts';
import { rememberTrust } from './trusted-certificate.ts';

const MEGABYTE = 1e6;
/** Trainers that share the name of their machine. */
const MAX_OF_ONE_MACHINE = 16;

export default async function (args: JoinArguments): Promise<number> {
  const address = parseAddress(args.address ?? '127.0.0.1');
  assertSecure(address, args);
  const listening = listenOf(args);
  const trust = trustOf(address, args);
  // A child gets it by the environment, whatever way its parent got it.
  const invite = await inviteOf(hasParent() ? {} : args);
  const maxMemory = args['max-memory'];
  const allowed = maxMemory === undefined ? undefined : maxMemory * MEGABYTE;
  const rates = { upload: args['max-upload'] ?? 0, download: args['max-download'] ?? 0 };
  const emulation = emulationOf(args);
  // What is wrong with the command line has been said: from here on the work is a child's.
  if (!hasParent()) return guardTrainer(allowed, invite);
  const { name, folder, giveBack } = await ownFolderOf(args);
  const keyFile = ownPath(folder, 'key.json');
  const keys = ensureKey(keyFile);
  const watched = watchDevice(await commandDevice(args.device ?? 'auto'));
  const { device } = watched;
  const record = await machineRecord(device, configFolder());
  warm(device, allowed);
  const telling = tellOfJoin(name, args.json, (mesh) => {
    rememberMesh(addressText(address), mesh);
    rememberJoined(addressText(address), keyFile);
    rememberTrust(address, trust.certificate);
  });
  const node = new TrainerNode({
    address,
    keys,
    name,
    version: packageVersion(),
    device,
    ...trust,
    ...(invite ? { invite } : {}),
    capability: {
      cores: availableParallelism(),
      memory: allowed ?? freemem(),
      rate: record?.rate ?? 0,
      ...(record ? { costs: record.costs } : {}),
      ...rates,
      ...machineOf(name, emulation),
    },
    cache: new BlobCache(ownPath(folder, 'blobs')),
    records: new RecordStore(ownPath(folder, 'records')),
    openPlan: openShardPlan(device),
    mostMemory: allowed ?? totalmem(),
    ...listening,
    ...(emulation ? { emulation } : {}),
    ...telling.options,
    onConnected: (gateway) => pulse.moved(gateway),
  });
  const pulse = startPulse({
    ...{ address, keys, instance: node.instance },
    ...trust,
    ...(emulation ? { emulation } : {}),
  });
  heedParent(() => {
    watched.leaving();
    node.leave();
  });
  tellParent({ event: 'runtime', bytes: process.memoryUsage.rss() });
  const emulated = emulation ? { emulating: emulation } : {};
  if (args.json)
    emit({ event: 'join', name, key: keyText(keys.publicKey), address: addressText(address), ...emulated });
  else
    process.stdout.write(
      printed`${name} (${keyText(keys.publicKey)}) joins ${addressText(address)} with ${device.description}${emulationText(emulation)}\n`,
    );
  try {
    const reason = await node.run();
    if (args.json) emit({ event: 'left', name, reason });
    else process.stdout.write(printed`${name} has left: ${reason}\n`);
    return EXIT.done;
  } finally {
    telling.stop();
    pulse.end();
    watched.release();
    giveBack();
  }
}

/** A shard of several has one thread; a second one that waits for nothing takes memory that is lent for shards. */
function warm(device: Device, allowed: number | undefined): void {
  device.warmUp?.(allowed === undefined ? undefined : 1);
}

/**
 * The name, and the folder that is this trainer's alone. Where neither was given, and the folder of the
 * machine's name is another trainer's, it is that of a second name.
 */
async function ownFolderOf({ name: said, state }: JoinArguments): Promise<Held> {
  const first = said ?? nameOfMachine();
  const most = said === undefined && state === undefined ? MAX_OF_ONE_MACHINE : 1;
  for (let n = 1; ; n++) {
    const name = n === 1 ? first : `${first}-${n}`;
    const folder = state === undefined ? insideFolder(ownPath(configFolder(), 'trainers'), name) : ownPath(state);
    try {
      // Of one that `nmc up` starts again, the one before may need a moment to end.
      return { name, folder, giveBack: await holdTrainerFolder(folder, startedByUp() ? 10_000 : 0) };
    } catch (error) {
      if (n >= most || !(error instanceof UserError) || error.code !== 'trainer/busy') throw error;
    }
  }
}

interface Held {
  readonly name: string;
  readonly folder: string;
  readonly giveBack: () => void;
}

/** Where neighbours dial this trainer: on this machine unless said; nowhere with `--relay`. */
function listenOf(args: JoinArguments): { readonly listen?: Address } {
  const said = args.listen;
  if (args.relay) {
    if (said === undefined) return {};
    throw new UserError('usage', '--relay and --listen cannot be combined', 'leave one of them out');
  }
  if (said === undefined) return { listen: { host: '127.0.0.1', port: 0, secure: false } };
  const address = parseAddress(said);
  if (!['0.0.0.0', '::'].includes(address.host) && !address.secure) return { listen: address };
  throw new UserError(
    'mesh/listen',
    `${said} is not an address that neighbours can dial`,
    '--listen HOST:PORT, with an address of this machine; border packets are encrypted in any case',
  );
}

function nameOfMachine(): string {
  return (
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 60) || 'trainer'
  );
}
