/**
 * The server of NATS that `nmc up` starts for a mesh of this machine: on loopback, for one user, whose key lies in the
 * state folder. One is enough here: copies on one disk are lost together.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connectNats } from '../../backplane/nats-connection.ts';
import { assertVersion } from '../../backplane/nats-servers.ts';
import { makeStores } from '../../backplane/nats-stores.ts';
import { newUser, userKeyOf } from '../../backplane/nats-user.ts';
import { placeOf, setPlace } from '../../backplane/place.ts';
import { createPrivateFile } from '../../identity/key-file.ts';
import { writeFileAtomic } from '../../support/atomic.ts';
import { wallNow } from '../../support/clock.ts';
import { EnvironmentError, UserError } from '../../support/errors.ts';
import { parsedJson } from '../../support/parsed-json.ts';
import { ownPath } from '../../support/safe-path.ts';
import { follows, list, object, text } from '../../support/shape.ts';
import { findNatsProgram, type NatsProgram } from './nats-program.ts';
import { EMBEDDED_FOLDER, holdState, ownFolder } from './state-folder.ts';
import { within } from './within.ts';

/** Below the state folder. */
const FOLDER = 'nats-server';
const USER = 'user.nk';
const LOOK_EVERY_MS = 50;
const UP_WITHIN_MS = 60_000;
const DOWN_WITHIN_MS = 12_000;
const PORTS = object({ nats: list(text) });

export class OwnServer {
  readonly program: NatsProgram;
  readonly #folder: string;
  readonly #log: string;
  readonly #user: string;
  readonly #release: () => void;
  #child: ChildProcess | undefined;
  #ended = Promise.resolve();
  #port = -1;
  #said = '';

  /** @param folder of its own */
  private constructor(program: NatsProgram, folder: string, log: string, release: () => void) {
    this.program = program;
    this.#release = release;
    this.#folder = folder;
    this.#log = log;
    createPrivateFile(this.credentials, newUser());
    this.#user = readFileSync(this.credentials, 'utf8');
  }

  /**
   * With what a mesh keeps there, made where it is not.
   * @param state folder of the mesh
   * @param acceptOlder its version may be below what a mesh needs
   * @throws UserError `mesh/busy`, `mesh/not-empty`; EnvironmentError `nats/no-server`, `nats/version`, `nats/not-started`
   */
  static async start(state: string, acceptOlder: boolean): Promise<OwnServer> {
    const folder = join(state, FOLDER);
    assertOurs(state, folder);
    const program = await findNatsProgram();
    assertVersion(program.version, acceptOlder);
    ownFolder(folder);
    const release = holdState(folder);
    const server = new OwnServer(program, folder, join(state, 'logs', 'nats.log'), release);
    try {
      await server.#start();
      await server.#makeStores();
      setPlace(state, 'nats');
    } catch (error) {
      server.kill();
      throw error;
    }
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  /** File of its user. */
  get credentials(): string {
    return join(this.#folder, USER);
  }

  /** Where it has died it is started again, at the same port. */
  async lookAfter(): Promise<void> {
    if (!isRunning(this.#child)) await this.#start();
  }

  async stop(): Promise<void> {
    this.#child?.stdin?.end();
    await within(DOWN_WITHIN_MS, this.#ended);
  }

  /** In good order where there is time: it goes by itself when this process does. */
  kill(): void {
    this.#child?.stdin?.end();
    this.#release();
  }

  async #start(): Promise<void> {
    const ports = join(this.#folder, 'ports');
    rmSync(ports, { recursive: true, force: true });
    mkdirSync(ports);
    const config = join(this.#folder, 'server.conf');
    writeFileAtomic(ownPath(config), this.#configuration(ports));
    const keeper = fileURLToPath(new URL('./keep-server.js', import.meta.url));
    const child = spawn(process.execPath, [keeper, this.program.path, '-c', config], {
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.on('exit', () => resolve());
      child.on('error', () => resolve());
    });
    child.stdin?.on('error', () => undefined);
    const words = createWriteStream(this.#log, { flags: 'a' }).on('error', () => undefined);
    child.stderr?.on('data', (data: Buffer) => {
      this.#said = (this.#said + String(data)).slice(-2000);
      words.write(data);
    });
    child.on('exit', () => words.end());
    this.#port = await this.#portIn(ports, child);
  }

  async #portIn(ports: string, child: ChildProcess): Promise<number> {
    const end = wallNow() + UP_WITHIN_MS;
    while (isRunning(child) && wallNow() < end) {
      const [name] = readdirSync(ports);
      const told = name === undefined ? undefined : parsedJson(readFileSync(join(ports, name), 'utf8'));
      const [url] = follows(PORTS, told) ? told.nats : [];
      if (url !== undefined) return Number(new URL(url).port);
      await sleep(LOOK_EVERY_MS);
    }
    const last = this.#said.trim().split('\n').slice(-3).join(' ') || 'without a message';
    throw new EnvironmentError(
      'nats/not-started',
      `${this.program.path} ${isRunning(child) ? 'does not say where it listens' : 'has ended'}: ${last}`,
      `see ${this.#log}`,
    );
  }

  #configuration(ports: string): string {
    const lines = [
      'server_name: nmc',
      `listen: "127.0.0.1:${this.#port}"`,
      `ports_file_dir: ${JSON.stringify(ports)}`,
      `jetstream { store_dir: ${JSON.stringify(join(this.#folder, 'store'))}, sync_interval: always, max_mem: 64MB }`,
      'max_payload: 8MB',
      `authorization { users: [ { nkey: ${userKeyOf(this.#user)} } ] }`,
    ];
    return lines.map((line) => `${line}\n`).join('');
  }

  /** A server that has just begun may not keep anything yet. */
  async #makeStores(): Promise<void> {
    const access = await connectNats({ servers: [this.url], credentials: this.#user });
    try {
      await makeStores(access, { replicas: 1 });
    } finally {
      await access.connection.close();
    }
  }
}

/** The mesh of such a folder would seem to be lost. @throws UserError `mesh/not-empty` */
function assertOurs(state: string, folder: string): void {
  const kept = existsSync(join(state, EMBEDDED_FOLDER)) || placeOf(state) !== undefined;
  if (!kept || existsSync(join(folder, USER))) return;
  throw new UserError(
    'mesh/not-empty',
    `${state} holds a mesh that is kept elsewhere than in a server of its own`,
    'name another folder by --state, or start it without --nats',
  );
}

function isRunning(child: ChildProcess | undefined): boolean {
  return child !== undefined && child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}
