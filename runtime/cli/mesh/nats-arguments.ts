/** Options of the commands that keep a mesh in NATS: which servers, and what is shown to them. */
import { readFileSync } from 'node:fs';
import { reasonOf } from '../../../spec/reason-of.ts';
import type { NatsOptions } from '../../backplane/nats-connection.ts';
import { assertPrivate } from '../../identity/key-file.ts';
import { UserError } from '../../support/errors.ts';
import { readCertificate } from './trusted-certificate.ts';

export interface NatsArguments {
  readonly nats: readonly string[] | undefined;
  readonly creds: string | undefined;
  readonly ca: string | undefined;
  readonly name: string | undefined;
  readonly insecure: boolean;
}

/** @throws UserError `usage/nats`, `nats/credentials`, `tls/certificate`; EnvironmentError `key/mode` */
export function natsOptionsOf({ nats, creds, ca, name, insecure }: NatsArguments): NatsOptions {
  const servers = (nats ?? []).flatMap((each) => each.split(',')).filter((each) => each !== '');
  if (servers.length === 0)
    throw new UserError(
      'usage/nats',
      'no server of NATS is named',
      'give the address of one: --nats nats://127.0.0.1:4222',
    );
  return {
    servers,
    insecure,
    ...(name === undefined ? {} : { mesh: name }),
    ...(creds === undefined ? {} : { credentials: readSecret(creds) }),
    ...(ca === undefined ? {} : { authority: readCertificate(ca) }),
  };
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
