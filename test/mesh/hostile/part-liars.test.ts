/**
 * A run with one trainer that lies of its parts, its sums, its keys, or of what it does: it ends with the weights and
 * the figures of a run without it, and its log names the liar with what shows it.
 */

import { expect, test, vi } from 'vitest';
import { buildProgram } from '../../../compiler/compile.ts';
import { keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { decodeState, encodeState, stateHash } from '../../../runtime/net/shard-state.ts';
import type { Message } from '../../../runtime/wire/messages.ts';
import { signPart } from '../../../runtime/wire/part.ts';
import { builtPlan } from '../../support/built-plans.ts';
import { checked } from '../../support/check-source.ts';
import { filledData } from '../../support/filled-data.ts';
import { type HostedOptions, type HostedResult, type Liar, trainHosted } from '../hosted.ts';
import { seeded } from '../networked.ts';

vi.setConfig({ testTimeout: 60_000 });
const SAMPLES = 8;
const MODEL = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model chain {
  sense x: f32[3]
  node  h: f32[4] = nodes.gaussian()
  node  y: f32[2] = nodes.gaussian()
  link x -> h -> y = links.dense(after = tanh)
}

train il of chain on data.file("points.npz", x = f32[3], y = f32[2]) {
  clamp x = sample.x
  clamp y = sample.y

  method    = learn.il(steps = 2, rate = 0.1)
  optimizer = learn.adam(rate = 0.01)
  batch     = 4
  epochs    = 1
}

predict answer of chain {
  clamp x = input.x
  read y = y
}

check error(answer.y, data.file("points.npz", x = f32[3], y = f32[2]).y) <= 100
`;
const points = filledData('points', SAMPLES, { x: 3, y: 2 }, (i) => ((i * 7) % 11) / 11);
/** Of the trainer that gets a shard first, and of the one that gets the read. */
const keyOf = (trainer: number): string => keyText(keyPairFromSeed(seeded(50 + trainer)).publicKey);

function planOf() {
  const all = checked(MODEL);
  const [task] = all.trains;
  if (!task) throw new Error('no task');
  const built = buildProgram({ checked: all, model: task.model, task, predicts: all.predicts });
  return builtPlan(built, { shards: 2 });
}

const plan = planOf();

function trained(more: Partial<HostedOptions> = {}): Promise<HostedResult> {
  return trainHosted({
    plan,
    train: points,
    checks: [points],
    trainers: 4,
    epochs: 2,
    snapshotEvery: 1,
    seed: 1,
    ...more,
  });
}

const outcome = ({ run, states }: HostedResult) => ({
  states,
  checks: run?.checks,
  rows: run?.rows.map((r) => ({ ...r, seconds: 0, samplesPerSecond: 0 })),
});
const honest = trained();

type Part = Message & { type: 'part' };
type Bend = (part: Part, liar: Liar) => Partial<Part> | undefined;

/** @param bend what the part says instead, signed as any other */
function parts(bend: Bend): HostedOptions['lie'] {
  return (message, liar) => {
    if (liar.trainer !== 0 || message.type !== 'part') return undefined;
    const bent = bend(message, liar);
    if (!bent) return undefined;
    const { blob, hash, totals } = { ...message, ...bent };
    return [{ ...message, ...signPart(message, { blob, hash, totals }, liar.keys), ...pick(bent) }];
  };
}

const pick = ({ signature }: Partial<Part>): Partial<Part> => (signature === undefined ? {} : { signature });

/** Other weights, in a part that is sound in itself. */
const drawn: Bend = ({ blob, totals }, { blob: get, putBlob }) => {
  const state = decodeState(get(blob));
  const parameters = state.parameters.map(({ name, shape, data }) => {
    const random = new Float64Array(data.length).fill(0.5);
    return { name, shape, dtype: 'F64' as const, data: random };
  });
  const other = { ...state, parameters };
  return { blob: putBlob(encodeState(other)), hash: stateHash(other), totals };
};

test.each<[string, string, Bend]>([
  ['weights drawn at random', 'part/commitment', drawn],
  [
    'weights drawn at random under the hash of the true ones',
    'part/hash',
    (part, liar) => ({ blob: drawn(part, liar)?.blob ?? '' }),
  ],
  ['a blob that does not exist', 'part/blob', () => ({ blob: 'f'.repeat(64) })],
  ['a blob that is not a state', 'part/format', (_, { putBlob }) => ({ blob: putBlob(new Uint8Array(2000)) })],
  [
    'a state of another shape',
    'part/shapes',
    ({ blob }, { blob: get, putBlob }) => {
      const { parameters, auxiliary } = decodeState(get(blob));
      return { blob: putBlob(encodeState({ parameters: parameters.slice(1), auxiliary })) };
    },
  ],
  ['a signature of another key', 'part/signature', () => ({ signature: '0'.repeat(128) })],
  ['a sum of another shard', 'totals/name', ({ totals }) => ({ totals: { ...totals, 'sum.9': 1 } })],
  [
    'a sum that is not a number',
    'totals/number',
    ({ totals }) => ({
      totals: Object.fromEntries(Object.keys(totals).map((name) => [name, Number.POSITIVE_INFINITY])),
    }),
  ],
])('a part with %s proves a lie: %s', async (_, what, bend) => {
  const expected = await honest;
  expect(expected.run).toMatchObject({ phase: 'done', term: 1, excluded: [], checked: 'recomputed' });
  const found = await trained({ lie: what === 'totals/number' ? unsigned(bend) : parts(bend) });
  expect(found.run).toMatchObject({ phase: 'done', excluded: [keyOf(0)], checked: 'recomputed' });
  expect(found.log.filter((e) => e.event === 'liar')).toMatchObject([
    { key: keyOf(0), trainer: 'node-0', what, evidence: expect.stringMatching(/./) },
  ]);
  expect(outcome(found)).toEqual(outcome(expected));
});

/** Parts that cannot even be signed. */
function unsigned(bend: Bend): HostedOptions['lie'] {
  return (message, liar) =>
    liar.trainer === 0 && message.type === 'part' ? [{ ...message, ...bend(message, liar) }] : undefined;
}

test('sums of a check that seem plausible are computed again, and name the trainer that lied', async () => {
  const expected = await honest;
  const reader = expected.run?.deployment.needs.findIndex((n) => n.totals?.includes('sum.0')) ?? -1;
  const key = expected.run?.owners[reader] ?? '';
  const found = await trained({
    lie: (message, liar) => {
      if (message.type !== 'part' || keyText(liar.keys.publicKey) !== key || !('sum.0' in message.totals))
        return undefined;
      const { blob, hash, totals } = message;
      return [{ ...message, ...signPart(message, { blob, hash, totals: { ...totals, 'sum.0': 0 } }, liar.keys) }];
    },
  });
  expect(found.log.filter((e) => e.event === 'liar')).toMatchObject([{ key, shard: reader, what: 'check/differs' }]);
  expect(found.run).toMatchObject({ phase: 'done', checked: 'recomputed', checks: expected.run?.checks });
  expect(found.states).toEqual(expected.states);
});

test.each<[string, string, HostedOptions['lie']]>([
  [
    'says that its shard has failed',
    'x/y',
    (message, { trainer }) => {
      if (trainer !== 0 || message.type !== 'part') return undefined;
      const { run, term, shard } = message;
      return [{ type: 'failed', run, term, shard, code: 'x/y', reason: 'so it says' }];
    },
  ],
  [
    'signs its border key wrongly',
    'border/key',
    (message, { trainer }) =>
      trainer === 0 && message.type === 'ready'
        ? [{ ...message, exchange: { ...message.exchange, sig: '0'.repeat(128) } }]
        : undefined,
  ],
  [
    'signs its states wrongly',
    'commit/signature',
    (message, { trainer }) => {
      if (trainer !== 0 || message.type !== 'commit') return undefined;
      const states = message.states.map((state) => ({ ...state, sig: '0'.repeat(128) }));
      return [{ ...message, states }];
    },
  ],
  [
    'loads without end',
    'progress/late',
    (message, { trainer }) => (trainer === 0 && message.type === 'ready' ? [] : undefined),
  ],
  [
    'never brings a part',
    'progress/late',
    (message, { trainer }) => (trainer === 0 && message.type === 'part' ? [] : undefined),
  ],
])('a trainer that %s moves, and the run goes on', async (_, code, lie) => {
  const expected = await honest;
  const found = await trained({
    ...(lie ? { lie } : {}),
    limits: { call: 3000, loading: 3000, firstEvaluation: 3000 },
  });
  expect(found.run).toMatchObject({ phase: 'done', excluded: [] });
  expect(found.run?.owners).not.toContain(keyOf(0));
  const faults = found.log.filter((e) => e.event === 'fault');
  expect(faults.length).toBeGreaterThan(0);
  for (const fault of faults) expect(fault).toMatchObject({ key: keyOf(0), code });
  expect(outcome(found)).toEqual(outcome(expected));
});

test('trainers compute a check that the synchronizer cannot, on shards that they have not trained', async () => {
  const [expected, found] = [await honest, await trained({ checking: 'not-here' })];
  expect(found.run).toMatchObject({ phase: 'done', checked: 'by-others', checks: expected.run?.checks });
  for (const [shard, owner] of (found.run?.owners ?? []).entries())
    expect(found.run?.trained[shard]).not.toContain(owner);
  expect(found.states).toEqual(expected.states);
});
