/**
 * Schedule `async` over a mesh that really trains, in virtual time: ticks read the newest values that are there, and where
 * the owner of a shard is gone the others go on.
 */
import { expect, test, vi } from 'vitest';
import type { BuiltPlan } from '../../compiler/8-plan/build.ts';
import type { Tensor } from '../../runtime/device/device.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import { toldInTicks } from '../../runtime/shard/frozen.ts';
import { openSession } from '../../runtime/shard/session.ts';
import { Slots } from '../../runtime/shard/slots.ts';
import { makeTemporaryFolder, removeAll } from '../../runtime/support/safe-files.ts';
import { freeMessages, newestWithin } from '../../runtime/training/free-ticks.ts';
import { sizeOf } from '../../spec/program.ts';
import type { Message } from '../../spec/schedule.ts';
import { normalData } from '../support/filled-data.ts';
import { fillStates, inputsFor, positionOf } from '../support/shards.ts';
import { FORK, freePlanOf } from './chain-model.ts';
import { type HostedOptions, type HostedResult, trainHosted } from './hosted.ts';

vi.setConfig({ testTimeout: 60_000 });

/** Three batches. */
const few = normalData('points', 12, { x: 6, y: 2 });
const BATCHES = 20;
const many = normalData('points', 4 * BATCHES, { x: 6, y: 2 });

function trained(options: Partial<HostedOptions> & Pick<HostedOptions, 'plan'>): Promise<HostedResult> {
  const usual = { train: few, checks: [few], trainers: 3, epochs: 1, snapshotEvery: 3, seed: 1 };
  return trainHosted({ ...usual, ...options });
}

const energies = ({ run }: HostedResult): number[] => (run?.rows ?? []).map((r) => r.energy ?? Number.NaN);

/** Calls of a shard, as one trainer has begun them. */
const callsOf = ({ begun }: HostedResult, trainer: number, shard: number): number[] =>
  begun.filter((b) => b.trainer === trainer && b.shard === shard).map(({ call }) => call);

const logged = ({ log }: HostedResult, event: string): Readonly<Record<string, unknown>>[] =>
  log.filter((e) => e.event === event);

test('shards train on the newest values, near the figures of a strict run, and sooner', async () => {
  const strict = await trained({ plan: freePlanOf(3, 0) });
  expect(strict.deployment).toMatchObject({ schedule: 'async', staleness: 0 });
  const loose = await trained({ plan: freePlanOf(3, 2) });
  expect(loose.run).toMatchObject({ phase: 'done', term: 1 });
  expect(loose.states).not.toEqual(strict.states);
  expect(energies(loose)).toHaveLength(1);
  for (const [epoch, energy] of energies(strict).entries()) expect(energies(loose)[epoch]).toBeCloseTo(energy, 1);
  expect(loose.milliseconds).toBeLessThan(strict.milliseconds);
});

/** Every batch once, in order: none is given up, none is trained again. Checks may begin anew. */
function expectOnce(result: HostedResult, trainer: number, shard: number): void {
  const batches = callsOf(result, trainer, shard).filter((call) => call < BATCHES);
  expect(batches, `shard ${shard}`).toEqual(Array.from({ length: BATCHES }, (_, i) => i));
}

test('a shard whose trainer dies is taken by another one, and no other goes back', async () => {
  const plan = freePlanOf(3, 2, FORK);
  const killed = await trained({ plan, train: many, kills: [{ at: 600, trainer: 0 }] });
  expect(killed.run).toMatchObject({ phase: 'done', term: 2, empty: [] });
  expectOnce(killed, 1, 1);
  expectOnce(killed, 2, 2);
});

test('neighbours of an empty shard train on until a trainer takes it, which goes on where they are', async () => {
  const plan = freePlanOf(3, 2, FORK);
  const kills = [{ at: 700, trainer: 1, back: 5000 }];
  const killed = await trained({ plan, train: many, oneEach: true, kills });
  expect(killed.run).toMatchObject({ phase: 'done', term: 3, empty: [] });
  const [begun, empty] = logged(killed, 'epoch-of-owners').slice(1);
  expect(begun).toMatchObject({ owners: ['node-0', '', 'node-2'] });
  expect(empty).toMatchObject({ owners: ['node-0', 'node-1', 'node-2'] });
  const [from, until] = [begun, empty].map((e) => Number(e?.time));
  const within = killed.begun.filter(({ at }) => at > (from ?? 0) && at < (until ?? 0));
  for (const shard of [0, 2]) expect(within.filter((b) => b.shard === shard).length).toBeGreaterThan(3);
  expectOnce(killed, 0, 0);
  expectOnce(killed, 2, 2);
  const missed = callsOf(killed, 1, 1);
  expect(missed.filter((call) => call < BATCHES).length).toBeLessThan(BATCHES - 3);
});

test('a shard that stays empty is given up, and the run ends without it and says so', async () => {
  const plan = freePlanOf(3, 2, FORK);
  const limits = { empty: 500 };
  const lost = await trained({ plan, train: many, oneEach: true, kills: [{ at: 600, trainer: 1 }], limits });
  expect(lost.run).toMatchObject({ phase: 'done', lost: [1] });
  const value = lost.run?.checks[0]?.value;
  expect(lost.run?.reason).toMatch(/^shard 1 was given up: its weights are older; error\(.*\) <= 100 is/);
  // Shard 1 compares: without it nothing was measured.
  expect(lost.run?.reason).toContain(`is ${value} with them`);
  expect(logged(lost, 'deprecated')).toMatchObject([{ shard: 1, calls: 3 }]);
  expectOnce(lost, 0, 0);
  expectOnce(lost, 2, 2);
  const [first, last] = [lost.manifests.get(3), lost.run?.manifests.at(-1)?.parts];
  expect(last?.[1]).toBe(first?.[1]);
  expect(last?.[0]).not.toBe(first?.[0]);
});

test('a neighbour that does not answer is done without where the schedule has it, until it is there again', async () => {
  // Shorter than the mesh takes to find it gone.
  const pauses = [{ at: 700, trainer: 1, until: 3100 }];
  const records = makeTemporaryFolder('nmc-absent-');
  const stretches = { batches: 4, bytes: 2 ** 30, keep: 2 ** 30 };
  const audited = { records, stretches, audits: true, limits: { auditRate: 1 } } as const;
  const stopped = (late?: 'absent') =>
    trained({ plan: freePlanOf(3, 2, FORK, late), train: many, oneEach: true, pauses, ...(late && audited) });
  const [waiting, leaving] = [await stopped(), await stopped('absent')];
  removeAll(records);
  expect(leaving.deployment).toMatchObject({ late: 'absent' });
  for (const result of [waiting, leaving]) {
    expect(result.run).toMatchObject({ phase: 'done', term: 1 });
    expect(logged(result, 'dispute')).toEqual([]);
  }
  const meanwhile = ({ begun }: HostedResult, shard: number): number =>
    begun.filter(({ at, shard: of }) => of === shard && at > 2500 && at < 3100).length;
  for (const shard of [0, 2]) {
    expect(meanwhile(waiting, shard)).toBe(0);
    expect(meanwhile(leaving, shard)).toBeGreaterThan(3);
    expectOnce(leaving, shard, shard);
  }
  expectOnce(waiting, 1, 1);
  const missed = callsOf(leaving, 1, 1).filter((call) => call < BATCHES);
  expect(missed.length).toBeLessThan(BATCHES - 3);
  expect(missed.at(-1)).toBe(BATCHES - 1);
  // What was trained without it is in no record; all else is done again, and comes out the same.
  const audits = leaving.verdicts.filter(({ verdict }) => verdict !== 'unsealed');
  const matches = audits.filter(({ verdict }) => verdict === 'match');
  expect(audits.filter(({ verdict }) => verdict !== 'match' && verdict !== 'inconclusive')).toEqual([]);
  expect(new Set(matches.map(({ shard }) => shard)).size).toBe(3);
  expect(matches.length).toBeGreaterThan(9);
  expect([leaving.revoked, leaving.run?.excluded]).toEqual([[], []]);
});

test('in a chain all wait for who does not answer: without it nothing would be learnt', async () => {
  const plan = freePlanOf(3, 2, undefined, 'absent');
  const stopped = await trained({ plan, train: many, oneEach: true, pauses: [{ at: 700, trainer: 1, until: 3100 }] });
  expect(stopped.run).toMatchObject({ phase: 'done', term: 1 });
  for (const shard of [0, 1, 2]) expectOnce(stopped, shard, shard);
});

test('within a call what a neighbour said last stands in for it: values behind the ticks too, and no error', () => {
  const { schedule } = freePlanOf(3, 2).shards?.[1] ?? {};
  if (!schedule) throw new Error('no schedule');
  const named = (name: string): Message | undefined =>
    schedule.messages.find(({ to, values }) => to === 1 && values[0]?.name === name);
  const [inTicks, behind] = [named('in:z.i'), named('out:z.i')];
  const told = toldInTicks(schedule, freeMessages(schedule));
  expect(behind && told.get(behind.id)).toEqual([{ message: inTicks?.id, index: 0 }]);
  const others = schedule.messages.filter(({ id, to }) => to === 1 && id !== behind?.id);
  for (const { id } of others) expect(told.get(id)).toEqual([undefined]);
  const slots = new Slots(freeMessages(schedule), newestWithin(2));
  const frame = { message: inTicks?.id ?? -1, callIndex: 0, microbatch: 0 };
  slots.begin({ callIndex: 0, position: { batch: 0, batches: 1 } });
  slots.put({ ...frame, tick: 1, values: [] });
  expect(slots.take({ ...frame, tick: 4 })).toBeUndefined();
  expect(slots.take({ ...frame, tick: 4 }, true)?.tick).toBe(1);
  expect(slots.end(frame)).toEqual([{ message: frame.message, microbatch: 0, tick: 4, taken: 1 }]);
});

/** One batch of a shard whose neighbours are absent, but for those that send these frames. @returns its weights before and behind it */
async function aloneFor(
  plan: BuiltPlan,
  node: string,
  absent: readonly number[],
  frames: Readonly<Record<string, number>>,
) {
  const shard = plan.plan.shards.findIndex(({ nodes }) => nodes.includes(node));
  const { program, schedule } = plan.shards?.[shard] ?? {};
  if (!program || !schedule) throw new Error(`no shard has ${node}`);
  const executable = { program, files: new Map() };
  const device = await referenceDevice.open(executable);
  await fillStates(device, program);
  const weights = async (): Promise<Map<string, Tensor>> => {
    const learnt = program.states.filter(({ role }) => role === 'parameter');
    return new Map(await Promise.all(learnt.map(async ({ id }) => [id, (await device.read(id)).slice()] as const)));
  };
  const before = await weights();
  const session = openSession(schedule, executable, device, undefined, newestWithin(2));
  session.standIn?.(new Set(absent), new Set());
  const inputs = inputsFor(program, 'train.start.0', 1);
  session.start({ name: 'train', position: positionOf(1), inputs, callIndex: 0, microbatch: 0 });
  for (const { id, to, values } of schedule.messages)
    for (const { name, shape } of to === shard ? values : []) {
      const value = frames[name];
      if (value !== undefined)
        session.deliver({
          message: id,
          callIndex: 0,
          microbatch: 0,
          tick: 0,
          values: [new Float64Array(sizeOf(shape)).fill(value)],
        });
    }
  for (let step = await session.advance(); step.kind !== 'done'; step = await session.advance())
    if (step.kind !== 'send') throw new Error(`it ${step.kind}`);
  return { before, after: await weights() };
}

test('a node of an absent neighbour stays where it begins: it teaches nothing, not even zeros', async () => {
  const fork = freePlanOf(4, 2, FORK);
  const ofH = fork.plan.shards.findIndex(({ nodes }) => nodes.join() === 'h');
  const { before, after } = await aloneFor(fork, 'x', [ofH], { 'out:z.i': 0.5 });
  expect(after.get('x->h.w')).toEqual(before.get('x->h.w'));
  expect(after.get('x->i.w')).not.toEqual(before.get('x->i.w'));
  // In the ticks, too: what h predicts stays as it is, so that h has no error, and its prediction of i is right.
  const chain = freePlanOf(3, 2);
  const others = chain.plan.shards.flatMap(({ nodes }, shard) => (nodes.includes('h') ? [] : [shard]));
  const middle = await aloneFor(chain, 'h', others, {});
  expect(middle.after).toEqual(middle.before);
});

test('shards that nothing is taught without the one that is away rest, and go on where they were', async () => {
  const plan = freePlanOf(3, 2);
  const kills = [{ at: 700, trainer: 1, back: 5000 }];
  const killed = await trained({ plan, train: many, oneEach: true, kills });
  expect(killed.run).toMatchObject({ phase: 'done', empty: [] });
  expectOnce(killed, 0, 0);
  expectOnce(killed, 2, 2);
  const during = killed.begun.filter(({ at }) => at > 1000 && at < 5000);
  expect(during).toEqual([]);
});

test('checks begin anew where a trainer dies while they are computed, and end with the next owner', async () => {
  const points = normalData('points', 24, { x: 6, y: 2 });
  const back = { at: 700, trainer: 1, back: 4200 };
  const usual = { plan: freePlanOf(3, 2), train: points, epochs: 3, snapshotEvery: 2, seed: 700 };
  const calm = await trained({ ...usual, kills: [back] });
  const check = calm.begun.find(({ trainer, call }) => trainer === 2 && call === 20);
  const killed = await trained({ ...usual, kills: [back, { at: (check?.at ?? 0) + 1, trainer: 2 }] });
  expect(killed.run).toMatchObject({ phase: 'done', empty: [] });
  expect(logged(killed, 'dispute')).toEqual([]);
  expect(killed.run?.rows).toHaveLength(3);
  const checks = callsOf(killed, 0, 0).filter((call) => call === 20);
  expect(checks).toHaveLength(2);
});
