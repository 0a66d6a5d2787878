/** Tables of rules for state machines: what comes of each event in each state, in words. */
import { expect, test } from 'vitest';

/** For one event: the outcome by state; `otherwise` stands for all states that are not named. */
export type Outcomes<State extends string> = Partial<Readonly<Record<State | 'otherwise', string>>>;

/** By event, in words. */
export type Rules<State extends string> = Readonly<Record<string, Outcomes<State>>>;

/**
 * A test for each event and state: `in halting, a part of an old term -> nothing`.
 * @param outcome what really comes of an event in a state, in the same words
 */
export function holdRules<State extends string>(
  states: readonly State[],
  rules: Rules<State>,
  outcome: (state: State, event: string) => string,
): void {
  const rows = Object.entries(rules).flatMap(([event, outcomes]) =>
    states.map((state) => [state, event, outcomes[state] ?? outcomes.otherwise ?? 'no rule'] as const),
  );
  test.each(rows)('in %s, %s -> %s', (state, event, expected) => {
    expect(outcome(state, event)).toBe(expected);
  });
}
