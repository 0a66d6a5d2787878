/** `nmc mesh init --nats`: checks servers of NATS, and makes what a mesh keeps there. Again, it changes what differs. */
import { assertClosed, warningsAbout } from '../../backplane/nats-advice.ts';
import { connectNats } from '../../backplane/nats-connection.ts';
import { lookAtMonitor, lookAtServers, type MonitorReport, type ServerReport } from '../../backplane/nats-servers.ts';
import { type MadeStore, makeStores } from '../../backplane/nats-stores.ts';
import { emit } from '../../support/emit.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import { printableLines } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { natsOptionsOf } from './nats-arguments.ts';
import type { MeshFileArguments } from './options.ts';

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
  const options = natsOptionsOf(args);
  const monitors = await Promise.all((args.monitor ?? []).map(lookAtMonitor));
  assertClosed(monitors);
  const access = await connectNats(options);
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
    'the mesh can be kept there: start synchronizers with the same options',
  ];
  return lines.map((line) => `${line}\n`).join('');
}
