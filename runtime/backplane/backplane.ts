/**
 * Storage that synchronizers keep and share: small records that change by compare-and-set, blobs named by their hash,
 * streams that only grow at their end, and messages between synchronizers. One process with files (`embedded.ts`), or a
 * cluster behind the same interface; test/mesh/backplane-suite.ts is what each of them has to pass.
 */

export interface Entry {
  readonly key: string;
  readonly value: string;
  /** Of this key, from 1, larger with each change. */
  readonly revision: number;
}

export interface StreamRecord {
  /** From 1, without gaps; the first ones may have been forgotten. */
  readonly sequence: number;
  readonly value: string;
}

/** With its place in the chain of its stream: chain.ts. */
export interface ChainedRecord extends StreamRecord {
  /** Hash of the record before it. */
  readonly previous: string;
  readonly hash: string;
}

export interface KeptBlob {
  readonly hash: string;
  readonly bytes: number;
  /** Milliseconds: when it was last brought or asked about. */
  readonly touched: number;
}

export interface BlobSink {
  write(piece: Uint8Array): void;
  /** @returns whether its bytes had its hash, and it is kept now */
  finish(): Promise<boolean>;
  /** Nothing of it stays. */
  abandon(): void;
}

export interface BlobSource {
  readonly bytes: number;
  /** @returns nothing behind the last one; what it has given may be used until it is asked again. The receiver checks the hash */
  next(): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}

/** Everything that a call has confirmed survives a kill at any moment. */
export interface Backplane {
  get(key: string): Promise<Entry | undefined>;
  /**
   * @param expected the revision that is to be replaced; 0: there must be none
   * @returns the new revision, or nothing where another one was there
   */
  put(key: string, value: string, expected: number): Promise<number | undefined>;
  /** @returns whether it was there in that revision */
  remove(key: string, expected: number): Promise<boolean>;
  /** In the order of their keys. */
  list(prefix: string): Promise<Entry[]>;

  /** @returns SHA-256 in hexadecimal; the same bytes are kept once */
  putBlob(bytes: Uint8Array): Promise<string>;
  /** @returns nothing where it is missing or damaged */
  getBlob(hash: string): Promise<Uint8Array | undefined>;
  hasBlob(hash: string): Promise<boolean>;
  /**
   * Takes a blob in pieces.
   * @throws EnvironmentError `disk/full`, as its `write` and `finish` do; nothing of it is left then
   */
  writeBlob(hash: string, bytes: number): Promise<BlobSink>;
  /** Gives a blob in pieces. @returns nothing where it is not there */
  readBlob(hash: string): Promise<BlobSource | undefined>;
  /** The caller counts on the blob from now on. @returns whether it is there */
  touchBlob(hash: string): Promise<boolean>;
  /** In no order. */
  listBlobs(): Promise<readonly KeptBlob[]>;
  /** Gone when the call has returned, not when it is answered, so that it cannot be asked for in between. */
  removeBlob(hash: string): Promise<void>;
  /** Called for each blob that was to be read and is missing or damaged. @returns what ends it */
  onDamagedBlob(listener: (hash: string) => void): () => void;

  /** @returns its sequence */
  append(stream: string, value: string): Promise<number>;
  read(stream: string, from: number, limit: number): Promise<StreamRecord[]>;
  /** Forgets the records before this one, which stays, as do the numbers of all. */
  trim(stream: string, before: number): Promise<void>;

  /** As `read` does, with the chain as it was written: the reader checks it. */
  chain(stream: string, from: number, limit: number): Promise<ChainedRecord[]>;
  /** Names of all streams that have a record, in order. */
  streams(): Promise<string[]>;
  /**
   * Puts records of another backplane behind those that are there, with their numbers and hashes.
   * @throws EnvironmentError `chain/differs` where they do not follow what is there
   */
  restore(stream: string, records: readonly ChainedRecord[]): Promise<void>;

  /** To all who listen now, in every synchronizer; nothing is kept. */
  publish(subject: string, message: string): Promise<void>;
  /** @returns what ends it */
  subscribe(subject: string, listener: (message: string) => void): () => void;

  close(): Promise<void>;
}
