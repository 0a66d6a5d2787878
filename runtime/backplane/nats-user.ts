/** What a user of NATS shows to the servers: a key alone, or with what the operator of the account has signed. */
import { type Authenticator, credsAuthenticator, nkeyAuthenticator, nkeys } from '@nats-io/transport-node';

const SEED = /SU[A-Z2-7]{56}/;
const SIGNED = /BEGIN NATS USER JWT/;

/** Content of the file of a new user, who is known to a server by the key alone. */
export function newUser(): string {
  const seed = new TextDecoder().decode(nkeys.createUser().getSeed());
  return `-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`;
}

/** The key by which a server knows the user of this file. @throws where there is none in it */
export function userKeyOf(credentials: string): string {
  return nkeys.fromSeed(seedOf(credentials)).getPublicKey();
}

export function authenticatorOf(credentials: string): Authenticator {
  return SIGNED.test(credentials) || !SEED.test(credentials)
    ? credsAuthenticator(new TextEncoder().encode(credentials))
    : nkeyAuthenticator(seedOf(credentials));
}

function seedOf(credentials: string): Uint8Array {
  return new TextEncoder().encode(SEED.exec(credentials)?.[0] ?? '');
}
