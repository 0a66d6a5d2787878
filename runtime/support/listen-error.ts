/** Why a server could not listen, in words. */
import { errorCode } from './atomic.ts';
import { EnvironmentError, UserError } from './errors.ts';

/** Repairs where the port is taken, and where this machine has no such address. */
export interface ListenRepairs {
  readonly busy: string;
  readonly address?: string;
}

/** @returns EnvironmentError `port/busy` or `port/denied`, UserError `port/address`, or the error as it came */
export function listenError(error: unknown, host: string, port: number, repairs: ListenRepairs): Error {
  const code = errorCode(error);
  if (code === 'EADDRINUSE')
    return new EnvironmentError('port/busy', `another program listens on ${host}:${port}`, repairs.busy);
  if (code === 'EACCES')
    return new EnvironmentError('port/denied', `not allowed to listen on ${host}:${port}`, 'use a port above 1023');
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new UserError('port/address', `this machine has no address ${host}`, repairs.address);
  return error instanceof Error ? error : new Error(String(error));
}
