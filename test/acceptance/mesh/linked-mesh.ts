/** A mesh whose trainers stand behind links of their own, which they emulate. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { remembered } from '../process.ts';
import { type Json, RunningMesh } from './running-mesh.ts';

/** The first look at a link may be disturbed by what begins: the second one counts. */
const SECOND_LOOK_MS = 13_000;
const MEASURED_WITHIN_MS = 240_000;
const DOWNLINK = '100Mbit';

export class LinkedMesh extends RunningMesh {
  #joined: readonly ChildProcess[] = [];

  /**
   * @param uplinks by name of the trainer
   * @param delay milliseconds of a round trip between two of them
   * @param direct more arguments by name: of its direct connections; absent: these go over the same links
   */
  async open(
    uplinks: Readonly<Record<string, string>>,
    delay: number,
    direct: Readonly<Record<string, readonly string[]>> = {},
  ): Promise<void> {
    await this.up(0, 0);
    this.names = Object.keys(uplinks);
    for (const [name, up] of Object.entries(uplinks)) {
      const [{ invite } = {}] = await this.json('keys', 'invite');
      const link = ['--emulate-up', up, '--emulate-down', DOWNLINK, '--delay', String(delay)];
      const args = [
        'join',
        this.address,
        '--name',
        name,
        '--state',
        join('trainers', name),
        ...link,
        ...(direct[name] ?? []),
      ];
      const env = { ...this.env, NMC_INVITE: String(invite) };
      const child = remembered(
        spawn(process.execPath, [this.nmc, ...args, '--json'], { cwd: this.folder, env, stdio: 'ignore' }),
      );
      this.#joined = [...this.#joined, child];
    }
    const end = performance.now() + MEASURED_WITHIN_MS;
    while (performance.now() < end) {
      await sleep(1000);
      const trainers = ((await this.status()).trainers ?? []) as { link?: Json; borders?: Json[]; pid?: number }[];
      const others = Object.keys(uplinks).length - 1;
      if (trainers.length <= others || !trainers.every((t) => t.link && t.borders?.length === others)) continue;
      // Those that compute: the processes that were started only watch over them.
      this.pids = trainers.flatMap(({ pid }) => pid ?? []);
      await sleep(SECOND_LOOK_MS);
      return;
    }
    throw new Error('the links of the trainers, and the ways between them, were not measured in time');
  }

  override async down(): Promise<void> {
    for (const child of this.#joined) child.kill('SIGINT');
    await super.down();
    for (const child of this.#joined) child.kill('SIGKILL');
  }
}
