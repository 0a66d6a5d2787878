/** A run with one trainer that lies on its borders, or about them: it ends with the weights of an honest one. */
import { afterEach, expect, test, vi } from 'vitest';
import { type KeyPair, keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { ShardBorders } from '../../../runtime/net/shard-borders.ts';
import type { Message } from '../../../runtime/wire/messages.ts';
import type * as windows from '../../../runtime/wire/window.ts';
import { filledData } from '../../support/filled-data.ts';
import { shardedPlan, THINNED } from '../../support/sharded-plans.ts';
import { type HostedOptions, type HostedResult, trainHosted } from '../hosted.ts';
import { seeded } from '../networked.ts';

vi.setConfig({ testTimeout: 60_000 });
/** Of the trainer that gets a shard first. */
const liar: KeyPair = keyPairFromSeed(seeded(50));
const liarKey = keyText(liar.publicKey);
/** Whether its windows are over fewer packets than it sent. */
const bent = vi.hoisted(() => ({ windows: false }));

vi.mock('../../../runtime/wire/window.ts', async (original) => {
  const honest = await original<typeof windows>();
  const signWindow: typeof windows.signWindow = (between, call, direction, leaves, keys) => {
    const lies = bent.windows && call >= 2 && keyText(keys.publicKey) === liarKey;
    const own = direction === honest.directionOf(between.own, between.peer);
    return honest.signWindow(between, call, direction, lies && own ? leaves.slice(1) : leaves, keys);
  };
  return { ...honest, signWindow };
});

afterEach(() => {
  bent.windows = false;
  vi.restoreAllMocks();
});

const plan = shardedPlan(THINNED, 2);
const train = filledData('thinned', 24, { x: 12, y: 4 }, (i) => (i % 7) / 8);

function trained(more: Partial<HostedOptions> = {}): Promise<HostedResult> {
  return trainHosted({ plan, train, checks: [], trainers: 4, epochs: 2, snapshotEvery: 1, seed: 1, ...more });
}

/** As a trainer that has left out the look at its own values. */
function sendsValue(value: number): void {
  const [offer, send] = [ShardBorders.prototype.offer, ShardBorders.prototype.send];
  const lying = new WeakSet<ShardBorders>();
  vi.spyOn(ShardBorders.prototype, 'offer').mockImplementation(function (this: ShardBorders) {
    const exchange = offer.call(this);
    if (exchange.key === liarKey) lying.add(this);
    return exchange;
  });
  vi.spyOn(ShardBorders.prototype, 'send').mockImplementation(function (this: ShardBorders, frame, to) {
    if (!lying.has(this) || frame.callIndex < 2) return send.call(this, frame, to);
    return send.call(this, { ...frame, values: frame.values.map((v) => v.map(() => value)) }, to);
  });
}

const honest = trained();

test.each<[string, () => void]>([
  ['a value that is not a number', () => sendsValue(Number.NaN)],
  ['a value that is too large', () => sendsValue(1e30)],
  [
    'a window over fewer packets than it sent',
    () => {
      bent.windows = true;
    },
  ],
])('%s excludes the liar by its own signatures, and the weights are those without the lie', async (_, lie) => {
  const expected = await honest;
  expect(expected.run).toMatchObject({ phase: 'done', term: 1, excluded: [] });
  expect(expected.run?.owners).toContain(liarKey);
  lie();
  const { run, states } = await trained();
  expect(run).toMatchObject({ phase: 'done', excluded: [liarKey] });
  expect(run?.term).toBeGreaterThan(1);
  expect(states).toEqual(expected.states);
});

test.each<[string, Partial<Message & { type: 'dispute' }>, string[]]>([
  ['evidence that it has made up convicts the accuser', { what: 'root', evidence: madeUp() }, [liarKey]],
  ['an accusation without evidence excludes no trainer', { what: 'border' }, []],
])('a false accusation leaves the weights as they are: %s', async (_, said, excluded) => {
  const expected = await honest;
  let accused = false;
  const { run, states } = await trained({
    lie: (message, { keys }) => {
      if (message.type !== 'part' || keyText(keys.publicKey) !== liarKey || accused) return undefined;
      accused = true;
      const { run: id, term, shard, calls } = message;
      const dispute = {
        type: 'dispute' as const,
        run: id,
        term,
        shard,
        peer: 1 - shard,
        call: calls,
        what: 'border' as const,
      };
      return [{ ...dispute, ...said } as Message];
    },
  });
  expect(accused).toBe(true);
  expect(run).toMatchObject({ phase: 'done', excluded });
  expect(states).toEqual(expected.states);
});

function madeUp(): (Message & { type: 'dispute' })['evidence'] {
  const sig = '0'.repeat(128);
  const window = { call: 1, direction: 0, packets: 0, root: '0'.repeat(64), sig };
  return { leaves: Buffer.alloc(64).toString('base64'), sig, window };
}
