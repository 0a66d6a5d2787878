/** An operator, an account with JetStream and a user of it: what `nsc` would make, with keys of this run. */
import { nkeys } from '@nats-io/transport-node';

export interface Credentials {
  /** Lines for the configuration of a server. */
  readonly configuration: string;
  /** Content of the user's file. */
  readonly user: string;
}

type Keys = ReturnType<typeof nkeys.createUser>;

export function makeCredentials(): Credentials {
  const [operator, system] = [nkeys.createOperator(), nkeys.createAccount()];
  const [account, user] = [nkeys.createAccount(), nkeys.createUser()];
  const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const operatorToken = token(operator, operator, 'operator', { system_account: system.getPublicKey() });
  const systemToken = token(system, operator, 'account', { limits });
  const accountToken = token(account, operator, 'account', { limits: { ...limits, ...storage } });
  const userToken = token(user, account, 'user', { subs: -1, data: -1, payload: -1, pub: {}, sub: {} });
  const seed = Buffer.from(user.getSeed()).toString();
  return {
    configuration: [
      `operator: ${operatorToken}`,
      'resolver: MEMORY',
      `system_account: ${system.getPublicKey()}`,
      `resolver_preload: { ${system.getPublicKey()}: ${systemToken}, ${account.getPublicKey()}: ${accountToken} }`,
    ].join('\n'),
    user: block('NATS USER JWT', userToken) + block('USER NKEY SEED', seed),
  };
}

function token(of: Keys, issuer: Keys, type: string, more: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = part({ typ: 'JWT', alg: 'ed25519-nkey' });
  const claims = {
    jti: type,
    iat: 1,
    iss: issuer.getPublicKey(),
    name: type,
    sub: of.getPublicKey(),
    nats: { type, version: 2, ...more },
  };
  const text = `${head}.${part(claims)}`;
  return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString('base64url')}`;
}

function block(name: string, content: string): string {
  return `-----BEGIN ${name}-----\n${content}\n------END ${name}------\n\n`;
}
