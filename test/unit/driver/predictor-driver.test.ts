/** The predictor's driver over ports of a test: who is lent which weights, when they are freed, what is said of a failure. */
import { describe, expect, test } from 'vitest';
import type { Ending } from '../../../runtime/driver/ending.ts';
import { type Lent, PredictorDriver } from '../../../runtime/driver/predictor-driver.ts';
import { LOOK_EVERY_MS } from '../../../runtime/roles/predictor.ts';

type Weights = string;

/** A source whose answers come when a test says so. */
class Source {
  readonly looks: Ending<string>[] = [];
  readonly loads: Ending<{ readonly version: string; readonly weights: Weights }>[] = [];
  readonly freed: Weights[] = [];
  now = 0;
  readonly driver = new PredictorDriver<Weights>({
    now: () => this.now,
    weights: {
      newest: (ending) => this.looks.push(ending),
      load: (ending) => this.loads.push(ending),
      free: (weights) => this.freed.push(weights),
    },
  });

  /** The next look and the load behind it. */
  publish(version: string): void {
    this.now += LOOK_EVERY_MS;
    this.driver.tick();
    this.looks.pop()?.done(version);
    this.loads.pop()?.done({ version, weights: `weights ${version}` });
  }

  /** Answers to a request, and the weights that it is lent. */
  ask(): { readonly heard: string[]; lent?: Lent<Weights> } {
    const client: { readonly heard: string[]; lent?: Lent<Weights> } = { heard: [] };
    this.driver.request({
      done: (lent) => {
        client.lent = lent;
        client.heard.push(lent.weights);
      },
      failed: (refused) => client.heard.push(JSON.stringify(refused)),
    });
    return client;
  }
}

describe('the driver of a predictor', () => {
  test('lends the first weights to each waiting caller once', () => {
    const source = new Source();
    const client = source.ask();
    expect(client.heard).toEqual([]);
    source.publish('a');
    source.publish('b');
    expect(client.heard).toEqual(['weights a']);
  });

  test('frees weights when newer ones have taken over and no caller uses them', () => {
    const source = new Source();
    source.publish('a');
    const [first, second] = [source.ask(), source.ask()];
    source.publish('b');
    expect(source.ask().heard).toEqual(['weights b']);
    first.lent?.ended();
    expect(source.freed).toEqual([]);
    second.lent?.ended();
    expect(source.freed).toEqual(['weights a']);
    second.lent?.ended();
    expect(source.freed).toEqual(['weights a']);
  });

  test('refuses a caller with the reason, and passes on what its work throws', () => {
    const source = new Source();
    const client = source.ask();
    source.driver.tick();
    source.looks.pop()?.failed({ code: 'run/missing', message: 'no such run' });
    expect(client.heard).toHaveLength(1);
    expect(JSON.parse(client.heard[0] ?? '')).toMatchObject({ error: { code: 'run/missing' } });
    expect(source.driver.current).toBeUndefined();
  });

  test('refuses callers while it closes, and frees weights that come too late', () => {
    const source = new Source();
    const client = source.ask();
    source.driver.tick();
    source.looks.pop()?.done('a');
    source.driver.close();
    expect(client.heard).toEqual(['{"reason":"the predictor is closing"}']);
    source.loads.pop()?.done({ version: 'a', weights: 'weights a' });
    expect(source.freed).toEqual(['weights a']);
    expect(source.ask().heard).toEqual(['{"reason":"the predictor is closing"}']);
  });
});
