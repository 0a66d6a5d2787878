/**
 * Several synchronizers, each of which leads some of the runs, in virtual time: the real state machines and driver, with a
 * store that answers late. Whatever they place at the same moment, no trainer is given away twice.
 */
import { describe, expect, test } from 'vitest';
import { SynchronizerDriver } from '../../runtime/driver/synchronizer-driver.ts';
import { allotmentOf, changed } from '../../runtime/roles/allotments.ts';
import { HEARTBEAT_MS } from '../../runtime/roles/liveness.ts';
import { emptySynchronizer, isActive, TICK_MS } from '../../runtime/roles/synchronizer.ts';
import type { Allotments, StoredRun, SynchronizerEvent } from '../../runtime/roles/synchronizer-state.ts';
import { EventQueue } from '../../runtime/simulation/event-queue.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import { stream } from '../../spec/random.ts';
import { chain } from './simulated.ts';

const MEMORY = 100;
const TRAINERS = ['ann', 'bob', 'cid'];
const LEADERS = ['one', 'two', 'three'];
/** Milliseconds. */
const END = 30_000;

interface Outcome {
  readonly violations: readonly string[];
  readonly outbid: number;
  /** By run. */
  readonly phases: Readonly<Record<string, string>>;
  readonly told: readonly string[];
}

/** @param guarded the entry of all placements is changed by compare-and-set */
class Leaders {
  readonly #queue = new EventQueue<() => void>();
  readonly #rng;
  readonly #guarded: boolean;
  readonly #drivers = new Map<string, SynchronizerDriver>();
  readonly #leaderOf = new Map<string, string>();
  readonly #stored = new Map<string, StoredRun>();
  readonly #violations: string[] = [];
  readonly #told: string[] = [];
  #entry: { readonly revision: number; readonly lines: Allotments } = { revision: 0, lines: {} };
  #outbid = 0;
  #draws = 0;
  now = 0;

  constructor(seed: number, guarded: boolean) {
    this.#rng = stream(seed, 'several-leaders');
    this.#guarded = guarded;
    for (const name of LEADERS) this.#drivers.set(name, this.#driver(name));
    this.#every(TICK_MS, () => this.#all({ kind: 'tick' }));
    for (const key of TRAINERS) this.#all({ kind: 'message', from: key, message: member(key) });
    const beat: Message = { type: 'heartbeat', shards: [], refused: 0 };
    this.#every(HEARTBEAT_MS, () => {
      for (const from of TRAINERS) this.#all({ kind: 'message', from, message: beat });
    });
  }

  later(milliseconds: number, what: () => void): void {
    this.#queue.add(this.now + milliseconds, what);
  }

  draw(): number {
    return this.#rng.uniform(this.#draws++);
  }

  deploy(run: string, leader: string, memory: number): void {
    const plain = chain(2, 8, 1, 8);
    const deployment = { ...plain, run, needs: plain.needs.map((need) => ({ ...need, memory })) };
    this.#leaderOf.set(run, leader);
    this.#drivers.get(leader)?.happen({ kind: 'deploy', deployment, hash: '0'.repeat(64) });
  }

  stop(run: string): void {
    this.#drivers.get(this.#leaderOf.get(run) ?? '')?.happen({ kind: 'stop', run });
  }

  /** The leader is gone, and each of its runs has another one. */
  kill(name: string): void {
    this.#drivers.get(name)?.stop();
    this.#drivers.delete(name);
    const left = [...this.#drivers.keys()];
    for (const [run, leader] of this.#leaderOf) {
      const next = left[Math.floor(this.draw() * left.length)];
      const stored = this.#stored.get(run);
      if (leader !== name || next === undefined || !stored) continue;
      this.#leaderOf.set(run, next);
      this.#drivers.get(next)?.happen({ kind: 'leads', run: stored });
    }
  }

  run(): Outcome {
    for (let next = this.#queue.next(); next && next.at <= END; next = this.#queue.next()) {
      this.now = next.at;
      next.what();
    }
    const phases = Object.fromEntries([...this.#stored].map(([run, { phase }]) => [run, phase]));
    return { violations: this.#violations, outbid: this.#outbid, phases, told: this.#told };
  }

  #every(milliseconds: number, what: () => void): void {
    this.later(milliseconds, () => {
      what();
      this.#every(milliseconds, what);
    });
  }

  #all(event: SynchronizerEvent): void {
    for (const driver of this.#drivers.values()) driver.happen(event);
  }

  #driver(name: string): SynchronizerDriver {
    /** The entry as this one knows it. */
    const guarded = this.#guarded;
    let known = { version: 0, revision: 0, lines: {} as Allotments };
    const learn = (): void => {
      known = { ...this.#entry, version: known.version + 1 };
      this.#drivers.get(name)?.happen({ kind: 'allotted', version: known.version, lines: known.lines });
    };
    const soon = (): number => 1 + 30 * this.draw();
    // What others change is heard of late, and sometimes not before one's own change is refused.
    this.#every(2000, () => known.revision !== this.#entry.revision && learn());
    return new SynchronizerDriver(
      {
        store: {
          allot: ({ run, line, knowing }, { done }) =>
            this.later(soon(), () => {
              const isNewest = known.revision === this.#entry.revision;
              const lines = changed(
                this.#entry.lines,
                { run, line },
                !guarded || (isNewest && knowing === known.version),
              );
              if (!lines) {
                this.#outbid++;
                learn();
                done(false);
                return;
              }
              this.#entry = { revision: this.#entry.revision + 1, lines };
              if (isNewest) known = { ...this.#entry, version: known.version };
              done(true);
            }),
          persist: (run, value, { done }) =>
            this.later(soon(), () => {
              if (this.#leaderOf.get(run) !== name) return;
              this.#stored.set(run, structuredClone(value));
              this.#assertMemory();
              for (const [other, driver] of this.#drivers)
                if (other !== name) this.later(soon(), () => this.#tell(other, driver, run, value));
              done();
            }),
          log: (_run, _event, { done }) => done(),
          keep: (_stream, _value, { done }) => done(),
        },
        trainers: {
          send: (to, message) => {
            if (message.type === 'assign') this.#told.push(`${message.run} ${message.term} ${to}`);
            if (message.type === 'assign' && this.#stored.get(message.run)?.term !== message.term)
              this.#violations.push(`${to} was told of term ${message.term} of ${message.run}, which is not stored`);
          },
          reconnect: () => undefined,
          dismiss: () => undefined,
        },
        work: () => undefined,
        now: () => this.now,
        failed: (error) => {
          throw error;
        },
      },
      { ...emptySynchronizer(0), allotted: { version: 0, lines: {} } },
    );
  }

  #tell(other: string, driver: SynchronizerDriver, run: string, value: StoredRun): void {
    if (this.#drivers.get(other) === driver && this.#leaderOf.get(run) !== other)
      driver.happen({ kind: 'follows', run: value });
  }

  #assertMemory(): void {
    const held = new Map<string, number>();
    for (const run of this.#stored.values())
      for (const [key, bytes] of Object.entries(allotmentOf(run)?.memory ?? {}))
        held.set(key, (held.get(key) ?? 0) + bytes);
    for (const [key, bytes] of held)
      if (bytes > MEMORY) this.#violations.push(`${this.now.toFixed(0)} ms: ${key} was given ${bytes} of ${MEMORY}`);
  }
}

function member(name: string): Message & { type: 'member' } {
  const capability = { cores: 1, memory: MEMORY, rate: 1e9, upload: 0, download: 0, machine: name };
  return { type: 'member', name, instance: '1'.repeat(16), capability };
}

/** Runs that need most of what there is come, stop, and lose their leaders, at moments that the seed draws. */
function disturbed(seed: number, guarded = true): Outcome {
  const mesh = new Leaders(seed, guarded);
  for (let i = 0; i < 6; i++) {
    const at = 1000 + 200 * Math.floor(10 * mesh.draw());
    const leader = LEADERS[Math.floor(LEADERS.length * mesh.draw())] ?? '';
    mesh.later(at, () => mesh.deploy(`run-${i}`, leader, 30 + Math.floor(30 * mesh.draw())));
    if (mesh.draw() < 0.5) mesh.later(at + 8000 * mesh.draw(), () => mesh.stop(`run-${i}`));
  }
  mesh.later(5000 + 5000 * mesh.draw(), () => mesh.kill('two'));
  return mesh.run();
}

describe('leaders of different runs', () => {
  test('give no trainer away twice, and announce no placement that was refused, for 200 seeds', () => {
    let outbid = 0;
    for (let seed = 0; seed < 200; seed++) {
      const outcome = disturbed(seed);
      expect(outcome.violations, `seed ${seed}`).toEqual([]);
      expect(new Set(outcome.told).size, `seed ${seed}: told twice`).toBe(outcome.told.length);
      outbid += outcome.outbid;
    }
    // They did meet.
    expect(outbid).toBeGreaterThan(100);
  });

  test('would do so without the compare-and-set', () => {
    const wrong = Array.from({ length: 50 }, (_, seed) => disturbed(seed, false).violations.length);
    expect(wrong.filter((n) => n > 0).length).toBeGreaterThan(5);
  });

  test('place a run as soon as there is room, also where another one leads those that had it', () => {
    const mesh = new Leaders(1, true);
    mesh.later(1000, () => mesh.deploy('first', 'one', 90));
    mesh.later(1100, () => mesh.deploy('second', 'two', 90));
    mesh.later(6000, () => mesh.stop('first'));
    const { phases, told, violations } = mesh.run();
    expect(violations).toEqual([]);
    expect(phases.first).toBe('stopped');
    expect(told.some((line) => line.startsWith('second '))).toBe(true);
    expect(isActive({ phase: phases.second } as StoredRun)).toBe(true);
  });
});
