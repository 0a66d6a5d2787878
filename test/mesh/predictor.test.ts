/** The predictor's state machine: no request is dropped by a reload, no weights are closed under one, none are leaked. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Ending } from '../../runtime/driver/ending.ts';
import { PredictorDriver } from '../../runtime/driver/predictor-driver.ts';
import {
  EMPTY_PREDICTOR,
  LOOK_EVERY_MS,
  MAX_BUSY_MILLISECONDS,
  MAX_WAIT_MILLISECONDS,
  MAX_WAITING,
  type PredictorEffect,
  type PredictorEvent,
  type PredictorState,
  predictor,
} from '../../runtime/roles/predictor.ts';
import { EventQueue } from '../../runtime/simulation/event-queue.ts';
import { stream } from '../../spec/random.ts';

/** Events with their times, one after the other. */
function told(...events: readonly (readonly [number, PredictorEvent])[]): {
  state: PredictorState;
  effects: PredictorEffect[][];
} {
  let state = EMPTY_PREDICTOR;
  const effects: PredictorEffect[][] = [];
  for (const [now, event] of events) {
    const step = predictor(state, event, now);
    state = step.state;
    effects.push([...step.effects]);
  }
  return { state, effects };
}

const FIRST: readonly (readonly [number, PredictorEvent])[] = [
  [0, { kind: 'tick' }],
  [1, { kind: 'found', slot: 0, version: 'a' }],
  [2, { kind: 'loaded', slot: 1, version: 'a' }],
];

describe('a predictor with one event at a time', () => {
  test('lets a caller that comes before the first weights wait for them', () => {
    const { effects } = told([0, { kind: 'request', request: 7 }], ...FIRST);
    expect(effects).toEqual([
      [],
      [{ kind: 'look', slot: 0 }],
      [{ kind: 'load', slot: 1 }],
      [{ kind: 'answer', request: 7, slot: 1 }],
    ]);
  });

  test('uses newer weights at once, and frees the old ones when their last request ends', () => {
    const { state, effects } = told(
      ...FIRST,
      [3, { kind: 'request', request: 1 }],
      [LOOK_EVERY_MS + 2, { kind: 'tick' }],
      [LOOK_EVERY_MS + 3, { kind: 'found', slot: 2, version: 'b' }],
      [LOOK_EVERY_MS + 4, { kind: 'loaded', slot: 3, version: 'b' }],
      [LOOK_EVERY_MS + 5, { kind: 'request', request: 2 }],
      [LOOK_EVERY_MS + 6, { kind: 'ended', request: 1 }],
      [LOOK_EVERY_MS + 7, { kind: 'ended', request: 2 }],
    );
    expect(effects.slice(6)).toEqual([[], [{ kind: 'answer', request: 2, slot: 3 }], [{ kind: 'free', slot: 1 }], []]);
    expect(state).toMatchObject({ current: { slot: 3, version: 'b' }, reloads: 1, requests: {} });
  });

  test('does not load again the version that it has', () => {
    const { state, effects } = told(
      ...FIRST,
      [600, { kind: 'tick' }],
      [601, { kind: 'found', slot: 2, version: 'a' }],
      [602, { kind: 'tick' }],
    );
    expect(effects.slice(4)).toEqual([[], []]);
    expect(state).toMatchObject({ reloads: 0, failures: 0, lookAt: 601 + LOOK_EVERY_MS });
  });

  test('looks less and less often after failures, up to a bound, while the old weights answer', () => {
    let state = told(...FIRST).state;
    const waits: number[] = [];
    let now = 1000;
    for (let i = 0; i < 8; i++) {
      const looked = predictor(state, { kind: 'tick' }, now);
      const slot = looked.state.busy?.slot ?? -1;
      state = predictor(looked.state, { kind: 'failed', slot, reason: 'away' }, now).state;
      waits.push(state.lookAt - now);
      expect(predictor(state, { kind: 'tick' }, state.lookAt - 1).effects).toEqual([]);
      expect(predictor(state, { kind: 'request', request: i }, now).effects).toEqual([
        { kind: 'answer', request: i, slot: 1 },
      ]);
      now = state.lookAt;
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 8000, 8000, 8000]);
    expect(Math.max(...waits)).toBe(MAX_WAIT_MILLISECONDS);
    expect(state.failure).toBe('away');
    const { state: looked } = predictor(state, { kind: 'tick' }, now);
    const well = predictor(looked, { kind: 'found', slot: looked.busy?.slot ?? -1, version: 'a' }, now).state;
    expect(well).toMatchObject({ failures: 0, lookAt: now + LOOK_EVERY_MS });
    expect(well.failure).toBeUndefined();
  });

  test('tells waiting callers why the first weights cannot be loaded', () => {
    const { effects } = told(
      [0, { kind: 'request', request: 1 }],
      [0, { kind: 'tick' }],
      [1, { kind: 'failed', slot: 0, reason: 'no snapshot' }],
    );
    expect(effects[2]).toEqual([{ kind: 'refuse', request: 1, reason: 'no snapshot' }]);
  });

  test('bounds how many callers wait', () => {
    let state = EMPTY_PREDICTOR;
    for (let i = 0; i < MAX_WAITING; i++) state = predictor(state, { kind: 'request', request: i }, 0).state;
    expect(predictor(state, { kind: 'request', request: -1 }, 0).effects).toMatchObject([{ kind: 'refuse' }]);
  });

  test('gives up a load that hangs, and frees it when it comes too late', () => {
    const { state, effects } = told(
      ...FIRST,
      [600, { kind: 'tick' }],
      [601, { kind: 'found', slot: 2, version: 'b' }],
      [602 + MAX_BUSY_MILLISECONDS, { kind: 'tick' }],
      [603 + MAX_BUSY_MILLISECONDS, { kind: 'loaded', slot: 3, version: 'b' }],
    );
    expect(effects.at(-1)).toEqual([{ kind: 'free', slot: 3 }]);
    expect(state).toMatchObject({ current: { version: 'a' }, failures: 1 });
  });

  test('refuses waiting callers when it closes, lets running ones finish, and takes no more', () => {
    const { effects } = told(
      ...FIRST,
      [3, { kind: 'request', request: 1 }],
      [4, { kind: 'close' }],
      [5, { kind: 'request', request: 2 }],
      [6, { kind: 'tick' }],
      [7, { kind: 'ended', request: 1 }],
    );
    expect(effects.slice(4)).toMatchObject([[], [{ kind: 'refuse', request: 2 }], [], [{ kind: 'free', slot: 1 }]]);
    expect(told([0, { kind: 'request', request: 1 }], [1, { kind: 'close' }]).effects[1]).toMatchObject([
      { kind: 'refuse', request: 1 },
    ]);
  });
});

interface Weather {
  readonly seed: number;
  /** Milliseconds between two snapshots, of a load, of a request; all on average. */
  readonly publish: number;
  readonly load: number;
  readonly answer: number;
  /** Chance that a look or a load fails. */
  readonly fails: number;
}

interface Weights {
  readonly version: string;
}

/** A predictor in virtual time beside a run that publishes, with requests all the while; then it is closed. */
class World {
  readonly open = new Set<Weights>();
  readonly answered = new Map<number, 'answered' | 'refused'>();
  newest = 1;
  versionAtEnd = '';
  readonly #driver: PredictorDriver<Weights>;
  readonly #queue = new EventQueue<() => void>();
  readonly #rng;
  readonly #weather: Weather;
  #draws = 0;
  #now = 0;

  constructor(weather: Weather) {
    this.#weather = weather;
    this.#rng = stream(weather.seed, 'predictor');
    this.#driver = new PredictorDriver({
      now: () => this.#now,
      weights: {
        newest: (ending) => this.#attempt(20, ending, (version) => version),
        load: (ending) =>
          this.#attempt(weather.load, ending, (version) => {
            const weights = { version };
            this.open.add(weights);
            return { version, weights };
          }),
        free: (weights) => expect(this.open.delete(weights), `${weights.version} is freed once`).toBe(true),
      },
    });
  }

  run(requests: number): void {
    const { publish } = this.#weather;
    for (let at = 0; at < 60_000; at += 100) this.#queue.add(at, () => this.#driver.tick());
    for (let at = 0; at < 20_000; at += this.#about(publish)) this.#queue.add(at, () => void this.newest++);
    for (let i = 0; i < requests; i++) this.#queue.add(20_000 * this.#uniform(), () => this.#ask(i));
    this.#queue.add(60_000, () => {
      this.versionAtEnd = this.#driver.current?.version ?? '';
      this.#driver.close();
    });
    for (let next = this.#queue.next(); next; next = this.#queue.next()) {
      this.#now = next.at;
      next.what();
    }
  }

  #ask(request: number): void {
    this.#driver.request({
      done: ({ weights, ended }) => {
        expect(this.open.has(weights), `${weights.version} is loaded`).toBe(true);
        this.#settle(request, 'answered');
        this.#later(this.#weather.answer, () => {
          expect(this.open.has(weights), `${weights.version} stays until the request ends`).toBe(true);
          ended();
        });
      },
      failed: () => this.#settle(request, 'refused'),
    });
  }

  /** A question to the run, which is answered with what is newest now. */
  #attempt<T>(mean: number, { done, failed }: Ending<T>, made: (version: string) => T): void {
    // Nothing fails for ever: at the end it has to have caught up.
    const well = this.#now > 30_000 || this.#uniform() >= this.#weather.fails;
    const version = String(this.newest);
    this.#later(mean, () => (well ? done(made(version)) : failed('bad luck')));
  }

  #settle(request: number, how: 'answered' | 'refused'): void {
    expect(this.answered.has(request)).toBe(false);
    this.answered.set(request, how);
  }

  #later(mean: number, work: () => void): void {
    this.#queue.add(this.#now + this.#about(mean), work);
  }

  #about(mean: number): number {
    return mean * (0.2 + 1.6 * this.#uniform());
  }

  #uniform(): number {
    return this.#rng.uniform(this.#draws++);
  }
}

test('each request is settled once, its weights stay, none are leaked, and the newest serve, whatever happens', () => {
  const weather = fc.record({
    seed: fc.nat(1_000_000),
    publish: fc.integer({ min: 100, max: 5000 }),
    load: fc.integer({ min: 1, max: 3000 }),
    answer: fc.integer({ min: 1, max: 5000 }),
    fails: fc.constantFrom(0, 0.2, 0.8),
  });
  fc.assert(
    fc.property(weather, (given) => {
      const world = new World(given);
      world.run(100);
      expect(world.answered.size).toBe(100);
      expect(world.open.size).toBe(0);
      // Only who came before the first weights, and met bad luck, was refused.
      const refused = [...world.answered.values()].filter((how) => how === 'refused').length;
      if (given.fails === 0) expect(refused).toBe(0);
      expect(Number(world.versionAtEnd)).toBe(world.newest);
    }),
    { numRuns: 100, seed: 7 },
  );
});
