/** `nmc synchronizer`: keeps a mesh together: members, plans, snapshots. */
import { join } from 'node:path';
import { embeddedBackplane } from '../../backplane/embedded.ts';
import { ensureKey, userKeyPath } from '../../identity/key-file.ts';
import { keyText } from '../../identity/key-text.ts';
import { rememberMesh } from '../../identity/known-meshes.ts';
import { addressText, parseAddress } from '../../net/address.ts';
import { SynchronizerNode } from '../../net/synchronizer-node.ts';
import { emit, jsonLine } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { isLoopback } from '../../support/loopback.ts';
import { printed } from '../../support/printable.ts';
import { acquireLock } from '../../support/process-lock.ts';
import { CheckProcess } from '../compiling/check-process.ts';
import { EXIT } from '../shell/command.ts';
import { certificateOf, hostsOf, originsOf, tokensOf } from '../shell/listening.ts';
import { packageVersion } from '../shell/package-root.ts';
import { watchInterrupt } from '../shell/watch-interrupt.ts';
import { hasParent, heedParent } from '../shell/with-parent.ts';
import { inviteText } from './invite-argument.ts';
import { joinLine, PRINTED } from './join-line.ts';
import { assertSecure } from './mesh-link.ts';
import type { SynchronizerArguments } from './options.ts';
import { defaultState, ownFolder } from './state-folder.ts';

export default async function (args: SynchronizerArguments): Promise<number> {
  const address = parseAddress(args.listen ?? '127.0.0.1');
  const tls = certificateOf(args);
  assertSecure({ ...address, secure: address.secure || tls !== undefined }, args);
  const tokens = tokensOf(args);
  const origins = originsOf(args);
  const state = args.state ?? defaultState();
  ownFolder(state);
  const release = lockState(state);
  let stop = (): void => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const interrupt = hasParent() ? undefined : watchInterrupt(stop);
  if (hasParent()) heedParent(stop);
  const operator = keyText(ensureKey(userKeyPath()).publicKey);
  const node = await SynchronizerNode.open({
    keys: ensureKey(join(state, 'key.json')),
    backplane: embeddedBackplane(join(state, 'backplane'), {
      acceptOlder: args['accept-older-state'],
      onOlder: (message) => process.stderr.write(printed`warning: ${message}; going on with what is there\n`),
    }),
    version: packageVersion(),
    host: address.host,
    port: address.port,
    ...(tls ? { tls } : {}),
    hosts: hostsOf(address.host, args),
    gateway: { origins },
    ...(tokens ? { tokens } : {}),
    operator,
    checker: new CheckProcess(join(state, 'backplane', 'blobs')),
    log: (event) => process.stderr.write(`${jsonLine(event)}\n`),
    onShutdown: stop,
  });
  try {
    const listening = addressText({ ...address, port: node.port, secure: tls !== undefined });
    rememberMesh(listening, node.key);
    const invite = inviteText(await node.invite());
    if (args.json) emit({ event: 'synchronizer', address: listening, key: node.key, invite });
    else
      process.stdout.write(
        printed`synchronizer at ${listening}\n` + joinLine({ address: listening, key: node.key, invite, ...PRINTED }),
      );
    warnOfOpenDoor(address.host);
    await stopped;
    return EXIT.done;
  } finally {
    await node.close();
    interrupt?.release();
    release();
  }
}

function lockState(state: string): () => void {
  const result = acquireLock(join(state, 'lock'));
  if (result.ok) return () => result.release();
  throw new UserError(
    'mesh/busy',
    `${state} is in use by process ${result.holder.pid}`,
    'stop that mesh, or use another --state',
  );
}

function warnOfOpenDoor(host: string): void {
  if (!isLoopback(host))
    process.stderr.write(printed`open to other machines at ${host}; only listed keys and invites are let in\n`);
}
