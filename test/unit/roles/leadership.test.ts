/** Who leads a run: by hand, and with synchronizers that stall, lose messages and read what is old, from seeds. */
import { describe, expect, test } from 'vitest';
import {
  BEFORE_LEADERSHIP,
  Fence,
  type FoundLeader,
  type LeadershipEffect,
  type LeadershipEvent,
  type LeadershipState,
  leadershipStep,
  MAX_CLOCK_DRIFT,
} from '../../../runtime/roles/leadership.ts';
import { stream } from '../../../spec/random.ts';

const LAPSE_MS = 1_000;

class Process {
  state: LeadershipState = BEFORE_LEADERSHIP;
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  step(event: LeadershipEvent): readonly LeadershipEffect[] {
    const { state, effects } = leadershipStep({ self: this.name, lapseMs: LAPSE_MS }, this.state, event);
    this.state = state;
    return effects;
  }
}

describe('a leader', () => {
  test('is the first to write the record, and renews it during its reign', () => {
    const a = new Process('a');
    expect(a.step({ kind: 'time', now: 0 })).toEqual([{ kind: 'read' }]);
    const first = { holder: 'a', reign: 1 };
    expect(a.step({ kind: 'found', now: 5, found: undefined })).toEqual([
      { kind: 'change', leader: first, expected: 0 },
    ]);
    expect(a.step({ kind: 'changed', now: 9, revision: 4 })).toEqual([{ kind: 'leads', reign: 1 }]);
    expect(a.state.leads).toEqual({ reign: 1, until: 5 + LAPSE_MS * (1 - MAX_CLOCK_DRIFT) });
    expect(a.step({ kind: 'time', now: 100 })).toEqual([]);
    expect(a.step({ kind: 'time', now: 300 })).toEqual([{ kind: 'change', leader: first, expected: 4 }]);
    expect(a.step({ kind: 'changed', now: 310, revision: 5 })).toEqual([]);
    expect(a.state.leads?.until).toBe(300 + LAPSE_MS * (1 - MAX_CLOCK_DRIFT));
  });

  test('resigns by its own clock, without an answer, and where another came first', () => {
    const led = (): Process => {
      const a = new Process('a');
      a.step({ kind: 'time', now: 0 });
      a.step({ kind: 'found', now: 0, found: undefined });
      a.step({ kind: 'changed', now: 0, revision: 1 });
      return a;
    };
    const silent = led();
    silent.step({ kind: 'time', now: 300 });
    expect(silent.step({ kind: 'time', now: 979 })).toEqual([]);
    expect(silent.step({ kind: 'time', now: 980 })[0]).toEqual({ kind: 'ends', reign: 1 });
    const late = led();
    late.step({ kind: 'time', now: 300 });
    expect(late.step({ kind: 'changed', now: 310, revision: undefined })).toEqual([{ kind: 'ends', reign: 1 }]);
    const told = led();
    told.step({ kind: 'time', now: 300 });
    told.step({ kind: 'unanswered', now: 400 });
    told.step({ kind: 'time', now: 560 });
    const other = { leader: { holder: 'b', reign: 2 }, revision: 8 };
    expect(told.step({ kind: 'found', now: 570, found: other })).toEqual([{ kind: 'ends', reign: 1 }]);
  });

  test('is succeeded in the next reign once it has been silent, or at once when it has resigned', () => {
    const b = new Process('b');
    const found = (revision: number, holder: string): FoundLeader => ({ leader: { holder, reign: 7 }, revision });
    const next = (expected: number) => [{ kind: 'change', leader: { holder: 'b', reign: 8 }, expected }];
    b.step({ kind: 'time', now: 0 });
    expect(b.step({ kind: 'found', now: 10, found: found(3, 'a') })).toEqual([]);
    b.step({ kind: 'time', now: 900 });
    expect(b.step({ kind: 'found', now: 900, found: found(4, 'a') })).toEqual([]);
    b.step({ kind: 'time', now: 1_919 });
    expect(b.step({ kind: 'found', now: 1_919, found: found(4, 'a') })).toEqual([]);
    b.step({ kind: 'time', now: 2_200 });
    expect(b.step({ kind: 'found', now: 2_200, found: found(4, 'a') })).toEqual(next(4));
    const c = new Process('b');
    c.step({ kind: 'time', now: 0 });
    expect(c.step({ kind: 'found', now: 10, found: found(3, '') })).toEqual(next(3));
  });
});

test('a lease that is free is left to those who lead less, for a while', () => {
  const took = (waitMs: number, found: FoundLeader | undefined): number => {
    let state: LeadershipState = BEFORE_LEADERSHIP;
    const step = (event: LeadershipEvent): readonly LeadershipEffect[] => {
      const next = leadershipStep({ self: 'b', lapseMs: LAPSE_MS, waitMs }, state, event);
      state = next.state;
      return next.effects;
    };
    for (let now = 0; now < 10 * LAPSE_MS; now += 50) {
      const asked = step({ kind: 'time', now });
      const answered = asked.flatMap((effect) => (effect.kind === 'read' ? step({ kind: 'found', now, found }) : []));
      if (answered.some(({ kind }) => kind === 'change')) return now;
    }
    return Number.POSITIVE_INFINITY;
  };
  for (const wait of [0, 250, 500, 750]) {
    expect(took(wait, undefined)).toBe(wait);
    expect(took(wait, { leader: { holder: '', reign: 3 }, revision: 4 })).toBe(wait);
    const lapsed = took(wait, { leader: { holder: 'a', reign: 3 }, revision: 4 });
    expect(lapsed).toBeGreaterThanOrEqual(LAPSE_MS * (1 + MAX_CLOCK_DRIFT) + wait);
    expect(lapsed).toBeLessThan(2 * LAPSE_MS + wait);
  }
});

test('a fence lets no write of an earlier reign through', () => {
  const fence = new Fence();
  expect([1, 1, 3, 2, 3].map((reign) => fence.admits(reign))).toEqual([true, true, true, false, true]);
});

interface Happening {
  readonly at: number;
  readonly run: () => void;
}

/** Three synchronizers and one store, whose messages are late, lost and, of reads, old. */
function simulate(seed: number): { readonly reigns: number; readonly refused: number } {
  const numbers = stream(seed, 'leadership');
  let drawn = 0;
  const rng = (): number => numbers.uniform(drawn++);
  const END = 20 * LAPSE_MS;
  const CALM = END - 6 * LAPSE_MS;
  let now = 0;
  const queue: Happening[] = [];
  const later = (delay: number, run: () => void): void => {
    queue.push({ at: now + delay, run });
  };
  const history: FoundLeader[] = [];
  const fence = new Fence();
  let refused = 0;
  let newest = 0;
  const led: { readonly name: string; readonly from: number; until: number; readonly reign: number }[] = [];
  const calm = (): boolean => now >= CALM;

  const synchronizers = ['a', 'b', 'c'].map((name) => {
    const process = new Process(name);
    const [rate, offset] = [1 + MAX_CLOCK_DRIFT * 0.49 * (2 * rng() - 1), 1e6 * rng()];
    const clock = (): number => offset + rate * now;
    let stalledUntil = 0;
    /** What a leader does, though it may have slept since it became one. */
    const work = (): void => {
      const reign = process.state.leads?.reign;
      if (reign === undefined) return;
      if (!fence.admits(reign)) refused++;
      else {
        expect(reign, `seed ${seed}: an earlier reign has written`).toBeGreaterThanOrEqual(newest);
        newest = reign;
      }
    };
    const deliver = (event: () => LeadershipEvent): void => {
      if (now < stalledUntil) {
        later(stalledUntil - now, () => deliver(event));
        return;
      }
      work();
      for (const effect of process.step(event())) perform(effect);
      const own = led.findLast((l) => l.name === name);
      const { leads } = process.state;
      if (own && leads?.reign === own.reign) own.until = (leads.until - offset) / rate;
    };
    const answered = (event: () => LeadershipEvent): void => {
      const lost = !calm() && rng() < 0.1;
      if (lost) later(LAPSE_MS / 5, () => deliver(() => ({ kind: 'unanswered', now: clock() })));
      else later(rng() * 60, () => deliver(event));
    };
    const perform = (effect: LeadershipEffect): void => {
      if (effect.kind === 'leads') led.push({ name, from: now, until: now, reign: effect.reign });
      if (effect.kind === 'ends') {
        const own = led.findLast((l) => l.name === name);
        if (own) own.until = Math.min(own.until, now);
      }
      if (effect.kind === 'read')
        later(rng() * 60, () => {
          const old = !calm() && rng() < 0.2 ? 1 + Math.floor(rng() * 3) : 0;
          const found = history.at(-1 - old);
          answered(() => ({ kind: 'found', now: clock(), found }));
        });
      if (effect.kind === 'change') {
        // Sent long ago, it may arrive when it has been given up.
        const slow = !calm() && rng() < 0.1;
        if (slow) later(LAPSE_MS / 5, () => deliver(() => ({ kind: 'unanswered', now: clock() })));
        later(slow ? rng() * 3 * LAPSE_MS : rng() * 60, () => {
          const revision = history.at(-1)?.revision ?? 0;
          const won = revision === effect.expected;
          if (won) history.push({ leader: effect.leader, revision: revision + 1 });
          if (!slow) answered(() => ({ kind: 'changed', now: clock(), revision: won ? revision + 1 : undefined }));
        });
      }
    };
    const tick = (): void => {
      if (!calm() && rng() < 0.02) stalledUntil = now + rng() * 3 * LAPSE_MS;
      deliver(() => ({ kind: !calm() && rng() < 0.005 ? 'resign' : 'time', now: clock() }));
      if (now < END) later(25 + rng() * 50, tick);
    };
    later(rng() * 50, tick);
    return process;
  });

  while (queue.length > 0) {
    queue.sort((x, y) => y.at - x.at);
    const next = queue.pop();
    if (!next || next.at > END) break;
    now = next.at;
    next.run();
  }
  const spans = led.sort((x, y) => x.from - y.from);
  spans.forEach((span, i) => {
    const following = spans[i + 1];
    if (!following) return;
    expect(following.from, `seed ${seed}: two led at once`).toBeGreaterThanOrEqual(span.until);
    expect(following.reign, `seed ${seed}: a reign came twice`).toBeGreaterThan(span.reign);
  });
  expect(
    synchronizers.filter((s) => s.state.leads),
    `seed ${seed}: one leads when all is calm`,
  ).toHaveLength(1);
  return { reigns: led.length, refused };
}

test('two never lead at once, and one leads when all is calm again, for 500 seeds', () => {
  let [reigns, refused] = [0, 0];
  for (let seed = 0; seed < 500; seed++) {
    const found = simulate(seed);
    reigns += found.reigns;
    refused += found.refused;
  }
  // Leaders changed, and some that had slept were stopped by the fence.
  expect(reigns).toBeGreaterThan(1_000);
  expect(refused).toBeGreaterThan(50);
});
