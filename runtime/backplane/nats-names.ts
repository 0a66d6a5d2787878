/** Names of what a mesh keeps in NATS, and how keys and names of streams become subjects there. */

/** Header of a message that a stream keeps: which write it is. */
export const WRITE_HEADER = 'Nmc-Write';

/** Of buckets and streams of the server: letters, digits, `-` and `_`. */
const MESH_NAME = /^[A-Za-z0-9][-A-Za-z0-9]{0,31}$/;
const PLAIN = /^[-\w/]$/;

export interface NatsNames {
  /** Bucket of the key-value store, and the stream behind it. */
  readonly entries: string;
  readonly entryStream: string;
  /** Bucket of the object store, and the stream behind it. */
  readonly blobs: string;
  readonly blobStream: string;
  /** Stream of the records of all streams of the mesh. */
  readonly recordStream: string;
  /** Subjects of records begin with this. */
  readonly records: string;
  /** Subjects of messages begin with this. */
  readonly messages: string;
}

export function isMeshName(name: string): boolean {
  return MESH_NAME.test(name);
}

/** @param mesh a name that `isMeshName` accepts */
export function natsNames(mesh: string): NatsNames {
  const entries = `nmc-${mesh}-entries`;
  const blobs = `nmc-${mesh}-blobs`;
  return {
    entries,
    entryStream: `KV_${entries}`,
    blobs,
    blobStream: `OBJ_${blobs}`,
    recordStream: `nmc-${mesh}-records`,
    records: `nmc.${mesh}.record`,
    messages: `nmc.${mesh}.message`,
  };
}

/** Any text as one part of a subject. */
export function tokenOf(text: string): string {
  if (text === '') return '=';
  return [...text].map((letter) => (PLAIN.test(letter) ? letter : escaped(letter))).join('');
}

/** `run/a` as `run.a`, so that the server can look for all that begin with `run/`. */
export function subjectOfKey(key: string): string {
  return key
    .split('/')
    .map((part) => tokenOf(part))
    .join('.');
}

/** The keys that begin this way are among those of this subject. */
export function subjectOfPrefix(prefix: string): string {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  return folder === '' ? '>' : `${subjectOfKey(folder.slice(0, -1))}.>`;
}

export function keyOfSubject(subject: string): string {
  return subject
    .split('.')
    .map((token) => textOf(token))
    .join('/');
}

/** The text that became this part of a subject. */
export function textOf(token: string): string {
  const hexadecimal = token.replace(/[^=]|=([0-9A-F]{2})/g, (letter, code?: string) =>
    code === undefined ? Buffer.from(letter).toString('hex') : code,
  );
  return token === '=' ? '' : Buffer.from(hexadecimal, 'hex').toString('utf8');
}

function escaped(letter: string): string {
  return [...Buffer.from(letter)].map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}
