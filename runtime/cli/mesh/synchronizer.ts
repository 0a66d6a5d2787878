/** `nmc synchronizer`: keeps a mesh together: members, plans, snapshots. */
import { basename, join } from 'node:path';
import type { Certificate } from '../../http/limited-server.ts';
import { ensureKey, userKeyPath } from '../../identity/key-file.ts';
import { keyText } from '../../identity/key-text.ts';
import { rememberMesh } from '../../identity/known-meshes.ts';
import { type Address, addressText, parseAddress } from '../../net/address.ts';
import { meshOptions } from '../../net/mesh-options.ts';
import { SynchronizerNode } from '../../net/synchronizer-node.ts';
import { nmc, withCommands } from '../../support/command-text.ts';
import { emit, jsonLine } from '../../support/emit.ts';
import { isLoopback } from '../../support/loopback.ts';
import { printableLines, printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { certificateOf, hostsOf, originsOf, tokensOf } from '../shell/listening.ts';
import { packageVersion } from '../shell/package-root.ts';
import { watchInterrupt } from '../shell/watch-interrupt.ts';
import { hasParent, heedParent } from '../shell/with-parent.ts';
import { inviteText } from './invite-argument.ts';
import { addressHere, certifiedAddresses, joinAddresses } from './join-addresses.ts';
import { joinCommands, joinLine, PRINTED } from './join-line.ts';
import { assertSecure } from './mesh-link.ts';
import { openStore } from './open-store.ts';
import type { SynchronizerArguments } from './options.ts';
import { defaultState, holdState, ownFolder } from './state-folder.ts';
import { rememberTrust, signsItself } from './trusted-certificate.ts';

/** Listens for other machines of the same network. */
const OPEN = nmc`synchronizer --listen 0.0.0.0 --insecure`;

export default async function (args: SynchronizerArguments): Promise<number> {
  const address = parseAddress(args.listen ?? '127.0.0.1');
  const tls = certificateOf(args);
  assertSecure({ ...address, secure: address.secure || tls !== undefined }, args);
  const tokens = tokensOf(args);
  const origins = originsOf(args);
  const state = args.state ?? defaultState();
  ownFolder(state);
  const release = holdState(state);
  let stop = (): void => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const interrupt = hasParent() ? undefined : watchInterrupt(stop);
  if (hasParent()) heedParent(stop);
  const operator = keyText(ensureKey(userKeyPath()).publicKey);
  const node = await SynchronizerNode.open({
    keys: ensureKey(join(state, 'key.json')),
    ...(await openStore(args, state)),
    version: packageVersion(),
    host: address.host,
    port: address.port,
    ...(tls ? { tls } : {}),
    hosts: hostsOf(address.host, args),
    gateway: { origins },
    ...(tokens ? { tokens } : {}),
    operator,
    ...((args.nats ?? []).length > 0
      ? { several: { address: (port: number) => toldAddress(address, port, tls) } }
      : {}),
    log: (event) => process.stderr.write(`${jsonLine(event)}\n`),
    onShutdown: stop,
  });
  try {
    const bound = { ...address, port: node.port, secure: tls !== undefined };
    const listening = addressText(bound);
    const addresses = othersReach(bound, tls);
    const pinned = tls !== undefined && signsItself(tls.cert);
    for (const reached of [bound, ...addresses]) {
      rememberMesh(addressText(reached), node.key);
      if (pinned) rememberTrust(reached, tls.cert);
    }
    const invite = inviteText(await node.invite());
    const mesh = meshOptions(addressHere(addresses[0]?.secure ? addresses[0] : bound));
    const line = { addresses, key: node.key, invite, open: OPEN, mesh, ...PRINTED, ...certificateFile(args, pinned) };
    if (args.json) {
      const join = joinCommands(line).map((command) => withCommands(command));
      emit({ event: 'synchronizer', address: listening, key: node.key, invite, join });
    } else process.stdout.write(printed`synchronizer at ${listening}\n` + printableLines(joinLine(line)));
    warnOfOpenDoor(address.host);
    await stopped;
    return EXIT.done;
  } finally {
    await node.close();
    interrupt?.release();
    release();
  }
}

/** The name under which others have a copy of it. */
function certificateFile({ cert }: SynchronizerArguments, pinned: boolean): { readonly ca?: string } {
  return pinned && cert !== undefined ? { ca: basename(cert) } : {};
}

/** Where trainers of other gateways find this one. */
function toldAddress(address: Address, port: number, tls: Certificate | undefined): string {
  const bound = { ...address, port, secure: tls !== undefined };
  return addressText(othersReach(bound, tls)[0] ?? bound);
}

/** A certificate names them, where it does. */
function othersReach(listening: Address, tls: Certificate | undefined): Address[] {
  const certified = tls === undefined ? [] : certifiedAddresses(listening, tls);
  return certified.length > 0 ? certified : joinAddresses(listening);
}

function warnOfOpenDoor(host: string): void {
  if (!isLoopback(host))
    process.stderr.write(printed`open to other machines at ${host}; only listed keys and invites are let in\n`);
}
