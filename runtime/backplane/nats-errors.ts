/** What a NATS server refuses, and what it leaves open, as failures that a person can repair. */
import { JetStreamApiCodes, JetStreamApiError, JetStreamError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';
import { nmc } from '../support/command-text.ts';
import { EnvironmentError } from '../support/errors.ts';

/** Another revision was there; a server that is busy has said so, too, where it was not true. */
const WRONG_REVISION: ReadonlySet<number> = new Set([10071, 10164]);
/** The cluster has no leader at this moment. */
const NO_LEADER: ReadonlySet<number> = new Set([10008, 10009, 10118]);
/** A limit of bytes, of the server, the account or the stream. */
const FULL: ReadonlySet<number> = new Set([10002, 10023, 10028, 10047, 10077, 10122]);
const TOO_LARGE = 10054;
const UNAVAILABLE = 503;
/** So says the client, too, of a server that has begun and does not have JetStream ready yet. */
const NOT_ENABLED = /jetstream (is )?not enabled/i;

export function isWrongRevision(error: unknown): boolean {
  return error instanceof JetStreamApiError && WRONG_REVISION.has(error.code);
}

export function isNoStream(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;
}

/** Whether to ask again: it may have been done, or not. */
export function isUnanswered(error: unknown): boolean {
  if (error instanceof JetStreamApiError)
    return NO_LEADER.has(error.code) || (error.status === UNAVAILABLE && !FULL.has(error.code));
  return (
    (error instanceof Error && NOT_ENABLED.test(error.message)) ||
    error instanceof errors.TimeoutError ||
    error instanceof errors.NoRespondersError ||
    error instanceof errors.RequestError ||
    error instanceof errors.ConnectionError
  );
}

/** @param what was being done: `changing an entry` */
export function noAnswer(what: string, seconds: number): EnvironmentError {
  return new EnvironmentError(
    'nats/no-answer',
    `${what}: NATS has not answered within ${seconds} s, so it is not known whether it was done`,
    'are most of its servers running, and can they reach each other? Their logs say who leads',
  );
}

/** @returns the error itself where it is a bug */
export function natsFailure(error: unknown, what: string): unknown {
  if (error instanceof EnvironmentError || !(error instanceof Error)) return error;
  if (NOT_ENABLED.test(error.message))
    return new EnvironmentError(
      'nats/jetstream',
      `${what}: JetStream is not there for this account`,
      'switch it on in the configuration of the server (jetstream { … }), and for the account',
    );
  if (isNoStream(error)) return notMade(what);
  if (error instanceof JetStreamApiError) return apiFailure(error, what);
  if (error instanceof JetStreamError) return new EnvironmentError('nats/refused', `${what}: ${error.message}`);
  return connectionFailure(error, what) ?? error;
}

export function notMade(what: string): EnvironmentError {
  return new EnvironmentError(
    'nats/not-made',
    `${what}: these servers have not been prepared for a mesh of this name`,
    `make its streams and buckets: ${nmc`mesh init --nats URL`}`,
  );
}

function apiFailure(error: JetStreamApiError, what: string): EnvironmentError {
  const told = `${what}: ${error.message} (${error.code})`;
  if (FULL.has(error.code))
    return new EnvironmentError(
      'nats/full',
      told,
      'raise max_file_store of the servers or the limits of the account, or remove what is no longer needed',
    );
  if (error.code === TOO_LARGE) return tooLarge(told);
  return new EnvironmentError('nats/refused', told);
}

/** @param what for messages: `the entry run/a` @param most bytes. @throws EnvironmentError `nats/too-large` */
export function assertFits(what: string, value: string, most: number): void {
  const bytes = Buffer.byteLength(value);
  if (bytes > most) throw tooLarge(`${what} has ${bytes} bytes, of which NATS takes ${most}`);
}

function tooLarge(told: string): EnvironmentError {
  return new EnvironmentError('nats/too-large', told, 'raise max_payload of the servers; 8 MB are reasonable');
}

function connectionFailure(error: Error, what: string): EnvironmentError | undefined {
  const told = `${what}: ${error.message}`;
  if (error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError)
    return new EnvironmentError('nats/credentials', told, 'give the file of this account’s user: --creds FILE');
  if (error instanceof errors.PermissionViolationError)
    return new EnvironmentError(
      'nats/credentials',
      told,
      'the user needs the subjects $JS.API.>, $KV.>, $O.> and nmc.>',
    );
  if (/certificate|self.signed|tls|ssl|altnames/i.test(error.message))
    return new EnvironmentError('nats/certificate', told, 'name the authority that has signed it: --ca FILE');
  const lost =
    error instanceof errors.ConnectionError ||
    error instanceof errors.ClosedConnectionError ||
    error instanceof errors.DrainingConnectionError ||
    error instanceof errors.TimeoutError;
  return lost
    ? new EnvironmentError('nats/unreachable', told, 'is nats-server running there, and is the address the right one?')
    : undefined;
}
