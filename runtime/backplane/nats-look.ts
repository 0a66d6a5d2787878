/** Single messages of a stream, as its leader has them. */
import type { StoredMsg } from '@nats-io/jetstream';
import type { NatsAccess } from './nats-connection.ts';

/** @param subject may end with a wildcard: the last message of all that fit */
export function lastMessage({ jsm }: NatsAccess, stream: string, subject: string): Promise<StoredMsg | null> {
  return jsm.streams.getMessage(stream, { last_by_subj: subject });
}

/** @param from the first sequence that counts */
export function nextMessage(
  { jsm }: NatsAccess,
  stream: string,
  subject: string,
  from: number,
): Promise<StoredMsg | null> {
  // The server has known this longer than the types of the client.
  const query = { seq: from, next_by_subj: subject };
  return jsm.streams.getMessage(stream, query);
}
