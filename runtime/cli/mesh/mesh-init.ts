/** `nmc mesh init --nats`: checks servers of NATS, and makes what a mesh keeps there. Again, it changes what differs. */
import { readFileSync } from 'node:fs';
import { reasonOf } from '../../../spec/reason-of.ts';
import { assertClosed, warningsAbout } from '../../backplane/nats-advice.ts';
import { connectNats } from '../../backplane/nats-connection.ts';
import { lookAtMonitor, lookAtServers, type MonitorReport, type ServerReport } from '../../backplane/nats-servers.ts';
import { type MadeStore, makeStores } from '../../backplane/nats-stores.ts';
import { assertPrivate } from '../../identity/key-file.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import { printableLines } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import type { MeshFileArguments } from './options.ts';
import { readCertificate } from './trusted-certificate.ts';

const BYTES_PER_MB = 1e6;
const CLUSTER_REPLICAS = 3;

interface Initialised {
  readonly server: ServerReport;
  readonly monitors: readonly MonitorReport[];
  readonly stores: readonly MadeStore[];
  readonly warnings: readonly string[];
}

export async function initialiseMesh(args: MeshFileArguments): Promise<number> {
  const done = await initialised(args);
  if (args.json) emit({ event: 'initialised', mesh: args.name ?? 'mesh', ...done });
  else {
    process.stdout.write(printableLines(textOf(done)));
    for (const warning of done.warnings) process.stderr.write(printableLines(`warning: ${warning}\n`));
  }
  return EXIT.done;
}

async function initialised(args: MeshFileArguments): Promise<Initialised> {
  const servers = (args.nats ?? []).flatMap((each) => each.split(',')).filter((each) => each !== '');
  if (servers.length === 0)
    throw new UserError(
      'usage/nats',
      'no server of NATS is named',
      'give the address of one: --nats nats://127.0.0.1:4222',
    );
  const monitors = await Promise.all((args.monitor ?? []).map(lookAtMonitor));
  assertClosed(monitors);
  const access = await connectNats({
    servers,
    insecure: args.insecure,
    ...(args.name === undefined ? {} : { mesh: args.name }),
    ...(args.creds === undefined ? {} : { credentials: readSecret(args.creds) }),
    ...(args.ca === undefined ? {} : { authority: readCertificate(args.ca) }),
  });
  try {
    const server = await lookAtServers(access, args['accept-older-server']);
    const replicas = args.replicas ?? (server.clustered ? CLUSTER_REPLICAS : 1);
    const most = args['max-blobs'];
    const limit = most === undefined ? {} : { maxBlobBytes: most * BYTES_PER_MB };
    const stores = await makeStores(access, { replicas, ...limit });
    return { server, monitors, stores, warnings: warningsAbout(server, monitors, replicas) };
  } finally {
    await access.connection.close();
  }
}

/** @throws UserError `nats/credentials`; EnvironmentError `key/mode` where others may read it */
function readSecret(path: string): string {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(
      'nats/credentials',
      `${path} cannot be read: ${reasonOf(error)}`,
      'name a file that is there, and that you may read',
    );
  }
  assertPrivate(path);
  return content;
}

function textOf({ server, monitors, stores }: Initialised): string {
  const limit = (bytes: number): string => (bytes < 0 ? 'no limit of its own' : `at most ${formatBytes(bytes)}`);
  const lines = [
    `server   nats-server ${server.version}${server.clustered ? ', of a cluster' : ''}, messages up to ${formatBytes(server.maxPayload)}, disk of the account: ${limit(server.maxStorage)}`,
    ...monitors.map(
      (m) =>
        `looked   ${m.url}: sync_interval ${m.syncAlways ? 'always' : 'not always'}, memory ${formatBytes(m.maxMemory)}, disk ${formatBytes(m.maxStorage)}`,
    ),
    ...stores.map(
      (s) =>
        `${s.made ? 'made ' : 'there'}    ${s.what.padEnd(8)} ${s.name}: ${s.replicas === 1 ? '1 server' : `${s.replicas} servers`}, ${limit(s.maxBytes)}`,
    ),
    'the mesh can be kept there; synchronizers of this version still keep theirs on their own disk',
  ];
  return lines.map((line) => `${line}\n`).join('');
}
