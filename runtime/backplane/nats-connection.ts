/** The connection of one process to the servers of NATS: it finds its way back by itself. */
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type ConnectionOptions, connect, type NatsConnection } from '@nats-io/transport-node';
import { UserError } from '../support/errors.ts';
import { isLoopback } from '../support/loopback.ts';
import { natsFailure } from './nats-errors.ts';
import { isMeshName, type NatsNames, natsNames } from './nats-names.ts';
import { PATIENCE, type Patience } from './nats-patience.ts';
import { authenticatorOf } from './nats-user.ts';

export interface NatsOptions {
  /** `nats://HOST:PORT` or `tls://HOST:PORT`; any server of the cluster will do, several are safer. */
  readonly servers: readonly string[];
  /** Several meshes may share an account: the name of this one in NATS. */
  readonly mesh?: string;
  /** What is in the file of the account's user (`.creds`). */
  readonly credentials?: string;
  /** PEM of the authority that has signed the servers' certificates. */
  readonly authority?: string;
  /** What is sent to other machines may be read on the way. */
  readonly insecure?: boolean;
  readonly patience?: Patience;
}

export interface NatsAccess {
  readonly connection: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly names: NatsNames;
  readonly patience: Patience;
  /** Bytes of a message: of the server as it last was, since while it is away there is nothing to ask. */
  readonly maxPayload: () => number;
}

/** Bytes of a message that a stream keeps, beside its value. */
export const ENVELOPE_BYTES = 1024;
const DEFAULT_MESH = 'mesh';
const CONNECT_MS = 5_000;
/** Silence of two such intervals is a lost connection. */
const PING_MS = 2_000;
const RECONNECT_MS = 250;

/**
 * @throws UserError `mesh/address`, `mesh/insecure`, `mesh/name`
 * @throws EnvironmentError `nats/unreachable`, `nats/credentials`, `nats/certificate`, `nats/jetstream`
 */
export async function connectNats(options: NatsOptions): Promise<NatsAccess> {
  const { mesh = DEFAULT_MESH, patience = PATIENCE } = options;
  if (!isMeshName(mesh))
    throw new UserError('mesh/name', `${mesh} cannot name a mesh in NATS`, 'use up to 32 letters, digits and -');
  const encrypted = options.servers.map((server) => isEncrypted(server, options.insecure ?? false));
  const where = options.servers.join(', ');
  let connection: NatsConnection | undefined;
  try {
    connection = await connect(connectionOptions(options, encrypted.includes(true)));
    const timeout = { timeout: patience.answerMs };
    const jsm = await jetstreamManager(connection, timeout);
    const js = jetstream(connection, timeout);
    return { connection, js, jsm, names: natsNames(mesh), patience, maxPayload: lastMaxPayload(connection) };
  } catch (error) {
    await connection?.close();
    throw natsFailure(error, where);
  }
}

function connectionOptions(options: NatsOptions, encrypted: boolean): ConnectionOptions {
  const { credentials, authority } = options;
  return {
    servers: [...options.servers],
    name: 'nmc',
    timeout: CONNECT_MS,
    pingInterval: PING_MS,
    maxPingOut: 2,
    reconnectTimeWait: RECONNECT_MS,
    maxReconnectAttempts: -1,
    ...(credentials === undefined ? {} : { authenticator: authenticatorOf(credentials) }),
    ...(encrypted ? { tls: authority === undefined ? {} : { ca: authority } } : {}),
  };
}

function lastMaxPayload(connection: NatsConnection): () => number {
  let last = connection.info?.max_payload ?? 0;
  return () => {
    last = connection.info?.max_payload ?? last;
    return last;
  };
}

function isEncrypted(server: string, insecure: boolean): boolean {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (!url || !['nats:', 'tls:'].includes(url.protocol) || url.hostname === '')
    throw new UserError(
      'mesh/address',
      `${server} is not the address of a NATS server`,
      'write nats://HOST:4222 or tls://HOST:4222',
    );
  if (url.protocol === 'tls:') return true;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (!isLoopback(host) && !insecure)
    throw new UserError(
      'mesh/insecure',
      `${server}: what is sent there could be read and changed on the way`,
      'use tls://, or --insecure if the network between is your own',
    );
  return false;
}
