/** What of the set-up of NATS's servers a mesh cannot live with, and what its operator has to know. */
import { EnvironmentError } from '../support/errors.ts';
import { formatBytes } from '../support/format-numbers.ts';
import { isLoopback } from '../support/loopback.ts';
import { isAtLeast, MIN_VERSION, type MonitorReport, type ServerReport } from './nats-servers.ts';

/** Below it blobs of a mesh soon do not fit. */
const SMALL_DISK_BYTES = 10e9;

/** @throws EnvironmentError `nats/settings` where strangers could reach the server */
export function assertClosed(monitors: readonly MonitorReport[]): void {
  for (const { url, webSocket } of monitors) {
    if (webSocket === undefined || isLoopback(webSocket.slice(0, webSocket.lastIndexOf(':')))) continue;
    throw new EnvironmentError(
      'nats/settings',
      `the server of ${url} listens for WebSocket at ${webSocket}, where strangers can reach it before they log in`,
      'take websocket { … } out of its configuration: trainers connect to synchronizers, never to NATS',
    );
  }
}

/** In plain words, the gravest first. */
export function warningsAbout(
  server: ServerReport,
  monitors: readonly MonitorReport[],
  replicas: number,
): readonly string[] {
  const warnings: string[] = [];
  if (monitors.length === 0)
    warnings.push(
      'not checked: sync_interval, WebSocket listeners and disk limits, which a server tells at its monitoring port alone (--monitor)',
    );
  for (const { url, syncAlways, version, maxStorage } of monitors) {
    if (!syncAlways)
      warnings.push(
        `${url}: sync_interval is not always, so a power cut loses writes that were confirmed (in a published test 14 % of them): set jetstream { sync_interval: always }`,
      );
    if (!isAtLeast(version, MIN_VERSION)) warnings.push(`${url}: nats-server ${version} is older than ${MIN_VERSION}`);
    if (maxStorage < SMALL_DISK_BYTES)
      warnings.push(`${url}: JetStream may use ${formatBytes(maxStorage)} of its disk (max_file_store)`);
  }
  if (!isAtLeast(server.version, MIN_VERSION))
    warnings.push(`nats-server ${server.version} is older than ${MIN_VERSION}: not for a mesh that has to last`);
  if (replicas < 3)
    warnings.push(
      `each record lies on ${replicas} server${replicas === 1 ? '' : 's'}: the mesh stops with it, and is lost with its disk`,
    );
  return warnings;
}
