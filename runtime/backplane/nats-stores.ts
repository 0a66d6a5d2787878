/** What a mesh keeps in NATS: a bucket of entries, a bucket of blobs, a stream of records; made once, checked each time. */
import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig, type StreamInfo } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { type ObjectStore, Objm, setSha256Backend } from '@nats-io/obj';
import { nmc } from '../support/command-text.ts';
import { EnvironmentError } from '../support/errors.ts';
import type { NatsAccess } from './nats-connection.ts';
import { isNoStream, natsFailure, notMade } from './nats-errors.ts';
import { untilAnswered } from './nats-patience.ts';

/** Changes of an entry that stay: so far back can be seen who has won. */
const HISTORY = 64;
const MAX_ENTRY_BYTES = 256 * 1024 * 1024;
const MAX_RECORD_BYTES = 1024 * 1024 * 1024;
const UNLIMITED = -1;

export interface StoreOptions {
  /** Servers that keep each of them: 1, 3 or 5. */
  readonly replicas: number;
  /** Bytes of all blobs; unlimited unless given. */
  readonly maxBlobBytes?: number;
}

export interface MadeStore {
  readonly name: string;
  readonly what: 'entries' | 'blobs' | 'records';
  /** Otherwise it was there, and is as it should be now. */
  readonly made: boolean;
  readonly replicas: number;
  /** Bytes; -1: unlimited. */
  readonly maxBytes: number;
}

/**
 * Made where they are missing; where they are there, replicas and limits become what is asked for.
 * @throws EnvironmentError `nats/…`
 */
export async function makeStores(access: NatsAccess, options: StoreOptions): Promise<MadeStore[]> {
  const { js, jsm, names } = access;
  const { replicas, maxBlobBytes = UNLIMITED } = options;
  const make = async (
    what: MadeStore['what'],
    name: string,
    limit: number,
    create: () => Promise<unknown>,
  ): Promise<MadeStore> => {
    const before = await infoOf(access, name);
    if (!before) await create();
    else if (before.config.num_replicas !== replicas || before.config.max_bytes !== limit)
      await jsm.streams.update(name, { num_replicas: replicas, max_bytes: limit });
    return { name, what, made: !before, replicas, maxBytes: limit };
  };
  try {
    const made = [
      await make('entries', names.entryStream, MAX_ENTRY_BYTES, () =>
        new Kvm(js).create(names.entries, {
          history: HISTORY,
          replicas,
          max_bytes: MAX_ENTRY_BYTES,
          storage: StorageType.File,
          // A server that is behind answers those as it likes.
          allow_direct: false,
        }),
      ),
      await make('records', names.recordStream, MAX_RECORD_BYTES, () =>
        jsm.streams.add(recordConfig(access, replicas)),
      ),
      await make('blobs', names.blobStream, maxBlobBytes, () =>
        new Objm(js).create(names.blobs, { storage: StorageType.File, replicas, max_bytes: maxBlobBytes }),
      ),
    ];
    await assertStores(access);
    return made;
  } catch (error) {
    throw natsFailure(error, 'making the streams');
  }
}

/** All that they keep goes, their settings stay; the entries go last. @throws EnvironmentError `nats/…` */
export async function emptyStores({ jsm, names, patience }: NatsAccess): Promise<void> {
  for (const name of [names.blobStream, names.recordStream, names.entryStream])
    await untilAnswered(patience, `emptying ${name}`, () => jsm.streams.purge(name));
}

/**
 * What is there is what this program needs.
 * @throws EnvironmentError `nats/not-made`, `nats/settings`
 */
export async function assertStores(access: NatsAccess): Promise<void> {
  const { names } = access;
  for (const name of [names.entryStream, names.recordStream, names.blobStream]) {
    const info = await infoOf(access, name);
    if (!info) throw notMade(name);
    const wrong = wrongSettings(info.config, name !== names.blobStream);
    if (wrong.length > 0)
      throw new EnvironmentError(
        'nats/settings',
        `the stream ${name} of NATS has other settings than a mesh needs: ${wrong.join(', ')}`,
        `prepare the mesh under another name: ${nmc`mesh init --nats URL --name NAME`}`,
      );
  }
}

export async function openBlobStore({ js, names }: NatsAccess): Promise<ObjectStore> {
  setSha256Backend('native');
  return new Objm(js).open(names.blobs, false);
}

function recordConfig({ names }: NatsAccess, replicas: number): Partial<StreamConfig> & { name: string } {
  return {
    name: names.recordStream,
    subjects: [`${names.records}.>`],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    num_replicas: replicas,
    max_bytes: MAX_RECORD_BYTES,
    allow_direct: false,
    // What is forgotten is forgotten from its beginning, by a purge.
    deny_delete: true,
  };
}

/** @param ordered its order is the mesh's: a server that is behind must not answer */
function wrongSettings(config: StreamConfig, ordered: boolean): string[] {
  const wrong: string[] = [];
  if (config.storage !== StorageType.File) wrong.push('it is kept in memory');
  if (config.discard !== DiscardPolicy.New) wrong.push('it drops its oldest messages when it is full');
  if (config.max_age > 0) wrong.push('its messages expire');
  if (ordered && config.allow_direct) wrong.push('allow_direct is on');
  if (config.sealed || config.mirror || (config.sources ?? []).length > 0) wrong.push('it is sealed, or a copy');
  return wrong;
}

async function infoOf({ jsm }: NatsAccess, name: string): Promise<StreamInfo | undefined> {
  try {
    return await jsm.streams.info(name);
  } catch (error) {
    if (isNoStream(error)) return undefined;
    throw natsFailure(error, name);
  }
}
