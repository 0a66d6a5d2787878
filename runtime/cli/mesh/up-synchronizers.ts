/** The synchronizers of `nmc up`: one, or several that keep their mesh in a server of NATS beside them. */
import { join } from 'node:path';
import { ensureKey, shareKey, userKeyPath } from '../../identity/key-file.ts';
import { keyBytes } from '../../identity/key-text.ts';
import { addressText, parseAddress } from '../../net/address.ts';
import { askStatus } from '../../net/ask-status.ts';
import { dial } from '../../net/dial.ts';
import type { Link } from '../../net/link.ts';
import type { MeshStatus } from '../../net/mesh-status.ts';
import { EnvironmentError, RelayedCode } from '../../support/errors.ts';
import { type Announced, firstWords } from './first-words.ts';
import type { UpArguments } from './options.ts';
import type { OwnServer } from './own-server.ts';
import { ownFolder } from './state-folder.ts';
import { Child } from './up-child.ts';
import { within } from './within.ts';

const DOWN_WITHIN_MS = 15_000;
const REPAIRS: Readonly<Record<string, string>> = {
  'mesh/state-damaged': 'restore the folder from a copy, or start with another --state',
  'mesh/state-older': 'restore the folder from a copy, or accept the older state: --accept-older-state',
  'mesh/moved': 'start it with --nats, or with another --state',
};
const REPAIR = 'use another --port, or see the logs in the state folder';

interface Started {
  readonly name: string;
  /** Its folder. */
  readonly state: string;
  /** Where it is to listen: a port that was drawn stays the same when it is started again. */
  listen: ReturnType<typeof parseAddress>;
  child: Child;
  announced: Announced;
}

export class UpSynchronizers {
  readonly #args: UpArguments;
  readonly #state: string;
  readonly #server: OwnServer | undefined;
  readonly #all: Started[] = [];
  #link: Link | undefined;

  /** @param state folder of the first, which those of the others lie in */
  constructor(args: UpArguments, state: string, server: OwnServer | undefined) {
    this.#args = args;
    this.#state = state;
    this.#server = server;
  }

  /** @throws EnvironmentError `mesh/synchronizer`, or what one of them says */
  async start(count: number, listen: Started['listen']): Promise<void> {
    for (let i = 0; i < count; i++) {
      const name = i === 0 ? 'synchronizer' : `synchronizer-${i + 1}`;
      const state = i === 0 ? this.#state : join(this.#state, 'synchronizers', name);
      if (i > 0) {
        ownFolder(state);
        shareKey(join(this.#state, 'key.json'), join(state, 'key.json'));
      }
      const own = { ...listen, port: listen.port === 0 ? 0 : listen.port + i };
      this.#all.push({ name, state, ...(await this.#begin(name, state, own, true)) });
    }
  }

  /** What they have said of themselves; the first is the one that others are told of. */
  get announced(): readonly Announced[] {
    return this.#all.map(({ announced }) => announced);
  }

  async lookAfter(): Promise<void> {
    for (const each of this.#all) {
      if (!each.child.ended) continue;
      this.forgetLink();
      Object.assign(each, await this.#begin(each.name, each.state, each.listen, false));
    }
  }

  /** As an operator, to the first that answers. */
  async link(): Promise<Link> {
    if (this.#link) return this.#link;
    const alive = this.#all.filter(({ child }) => !child.ended);
    let failure: unknown = new EnvironmentError('mesh/synchronizer', 'no synchronizer runs at this moment');
    for (const { announced } of alive) {
      try {
        this.#link = await dialed(announced);
        return this.#link;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** It does not answer any more: the next question goes to another. */
  forgetLink(): void {
    this.#link?.close();
    this.#link = undefined;
  }

  /** Nothing where none answers at this moment. */
  async status(): Promise<MeshStatus | undefined> {
    try {
      return await askStatus(await this.link());
    } catch {
      this.forgetLink();
      return undefined;
    }
  }

  /** The leader stops last: then no other is there to take the runs over, and it saves them. */
  async stop(): Promise<void> {
    const leader = this.#all.length > 1 ? (await this.status())?.synchronizer?.pid : undefined;
    this.forgetLink();
    const lasts = this.#all.filter(({ child }) => child.pid === leader);
    const firsts = this.#all.filter((each) => !lasts.includes(each));
    for (const group of [firsts, lasts]) {
      for (const { child } of group) child.tell('stop\n');
      await within(DOWN_WITHIN_MS, Promise.all(group.map(({ child }) => child.exit)));
    }
  }

  kill(): void {
    for (const { child } of this.#all) child.kill();
  }

  async #begin(
    name: string,
    state: string,
    listen: Started['listen'],
    first: boolean,
  ): Promise<Pick<Started, 'listen' | 'child' | 'announced'>> {
    const child = new Child(
      ['synchronizer', '--listen', addressText(listen), '--state', state, '--json', ...this.#options(first)],
      join(this.#state, 'logs', `${name}.log`),
      {},
    );
    const line = await child.firstLine;
    if (line === undefined)
      throw new EnvironmentError('mesh/synchronizer', `the ${name} has not started: ${child.lastWords()}`);
    const said = firstWords(line);
    if ('code' in said)
      throw new EnvironmentError(new RelayedCode(said.code), said.message, REPAIRS[said.code] ?? REPAIR);
    const { address, key, invite } = said;
    return { child, announced: { address, key, invite }, listen: { ...listen, port: parseAddress(address).port } };
  }

  /** @param first started again, it has to find what it has confirmed since */
  #options(first: boolean): readonly string[] {
    const { tokens, host, origin, insecure } = this.#args;
    const { url, credentials } = this.#server ?? {};
    return [
      ...(insecure ? ['--insecure'] : []),
      ...(this.#args['accept-older-state'] && first ? ['--accept-older-state'] : []),
      ...host.flatMap((each) => ['--host', each]),
      ...origin.flatMap((each) => ['--origin', each]),
      ...(tokens === undefined ? [] : ['--tokens', tokens]),
      ...(url === undefined || credentials === undefined ? [] : ['--nats', url, '--creds', credentials]),
      ...(this.#args['accept-older-server'] ? ['--accept-older-server'] : []),
    ];
  }
}

function dialed({ key, address }: Announced): Promise<Link> {
  const pinned = keyBytes(key);
  const keys = ensureKey(userKeyPath());
  return dial({ address: parseAddress(address), role: 'operator', keys, ...(pinned ? { pinned } : {}) });
}
