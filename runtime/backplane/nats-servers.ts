/** Whether servers of NATS are such that a mesh can rely on them: what they say of themselves to a client, and to a look. */
import { reasonOf } from '../../spec/reason-of.ts';
import { EnvironmentError } from '../support/errors.ts';
import type { NatsAccess } from './nats-connection.ts';

/** Older ones have faults that lose or double what they confirmed, or that strangers can use. */
export const MIN_VERSION = '2.14.4';
const MONITOR_MS = 5_000;
/** Bytes; a server that accepts less is set up for something else. */
const MIN_PAYLOAD = 1024 * 1024;

export interface ServerReport {
  readonly version: string;
  /** It is one of several. */
  readonly clustered: boolean;
  readonly maxPayload: number;
  /** Of the account, in bytes; -1: no limit. */
  readonly maxMemory: number;
  readonly maxStorage: number;
}

/** What a server says at its monitoring address, `/varz`. */
export interface MonitorReport {
  readonly url: string;
  readonly version: string;
  /** Each write is on the disk before it is confirmed. */
  readonly syncAlways: boolean;
  /** Bytes; 0: not limited by the configuration. */
  readonly maxMemory: number;
  readonly maxStorage: number;
  /** Address of a listener for WebSocket, where it is there. */
  readonly webSocket: string | undefined;
}

/**
 * @param acceptOlder a version below `MIN_VERSION` is no reason to stop
 * @throws EnvironmentError `nats/version`, `nats/too-large`
 */
export async function lookAtServers({ connection, jsm }: NatsAccess, acceptOlder: boolean): Promise<ServerReport> {
  const { version = '0.0.0', max_payload: maxPayload = 0, cluster } = connection.info ?? {};
  assertVersion(version, acceptOlder);
  if (maxPayload < MIN_PAYLOAD)
    throw new EnvironmentError(
      'nats/too-large',
      `the server takes messages of ${maxPayload} bytes; a mesh needs ${MIN_PAYLOAD}`,
      'raise max_payload in its configuration',
    );
  const { limits } = await jsm.getAccountInfo();
  const clustered = cluster !== undefined && cluster !== '';
  return { version, clustered, maxPayload, maxMemory: limits.max_memory, maxStorage: limits.max_storage };
}

/** @throws EnvironmentError `nats/version` */
export function assertVersion(version: string, acceptOlder: boolean): void {
  if (acceptOlder || isAtLeast(version, MIN_VERSION)) return;
  throw new EnvironmentError(
    'nats/version',
    `nats-server ${version} is older than ${MIN_VERSION}, which a mesh needs`,
    'bring the servers up to date one after the other; to try the older one: --accept-older-server',
  );
}

/** A version that is only about to come (`2.15.0-dev`) counts as that version. */
export function isAtLeast(version: string, least: string): boolean {
  const [own, other] = [version, least].map((text) => text.split(/[-+]/, 1)[0]?.split('.').map(Number) ?? []);
  for (const i of [0, 1, 2]) {
    const difference = (own?.[i] ?? 0) - (other?.[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/**
 * @param url of the monitoring port: `http://HOST:8222`
 * @throws EnvironmentError `nats/monitor`
 */
export async function lookAtMonitor(url: string): Promise<MonitorReport> {
  const failed = (reason: string): EnvironmentError =>
    new EnvironmentError(
      'nats/monitor',
      `${url} does not tell how its server is set up: ${reason}`,
      'set http: "127.0.0.1:8222" in its configuration, and name that address',
    );
  let told: unknown;
  try {
    const answer = await fetch(new URL('/varz', url), { signal: AbortSignal.timeout(MONITOR_MS) });
    if (!answer.ok) throw failed(`it answers ${answer.status}`);
    told = await answer.json();
  } catch (error) {
    throw error instanceof EnvironmentError ? error : failed(reasonOf(causeOf(error)));
  }
  const report = fieldsOf(told);
  const config = fieldsOf(fieldsOf(report.jetstream).config);
  if (typeof report.version !== 'string') throw failed('it is not a server of NATS');
  if (Object.keys(config).length === 0) throw failed('JetStream is not switched on there');
  const { host, port } = fieldsOf(report.websocket);
  return {
    url,
    version: report.version,
    syncAlways: config.sync_always === true,
    maxMemory: numberOf(config.max_memory),
    maxStorage: numberOf(config.max_storage),
    webSocket: typeof port === 'number' && port !== 0 ? `${typeof host === 'string' ? host : ''}:${port}` : undefined,
  };
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

const numberOf = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);

/** What `fetch` says of itself is only that it failed. */
const causeOf = (error: unknown): unknown => (error instanceof Error ? (error.cause ?? error) : error);
