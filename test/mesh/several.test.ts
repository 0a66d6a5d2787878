/** Several synchronizers in one process, over one memory: each run has a leader, and what is asked reaches it. */
import { afterEach, expect, test, vi } from 'vitest';
import { keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import { keyText } from '../../runtime/identity/key-text.ts';
import { signFunds } from '../../runtime/ledger/signed.ts';
import { signCharter, signProposal, signVote } from '../../runtime/ledger/signed-votes.ts';
import { verifyRecords } from '../../runtime/ledger/verify.ts';
import type { Answers } from '../../runtime/net/answers.ts';
import type { Visitor } from '../../runtime/net/gateway.ts';
import { Leading } from '../../runtime/net/leading.ts';
import type { LeadingOptions } from '../../runtime/net/leading-options.ts';
import { Membership } from '../../runtime/net/membership.ts';
import { Several } from '../../runtime/net/several.ts';
import { TICK_MS } from '../../runtime/roles/synchronizer.ts';
import { type StoredRun, UNTROUBLED } from '../../runtime/roles/synchronizer-state.ts';
import type { Deployment } from '../../runtime/wire/deployment.ts';
import type { Message, Question } from '../../runtime/wire/messages.ts';
import { signState } from '../../runtime/wire/state-signature.ts';
import { keysOf, WrittenLedger } from '../support/ledger.ts';
import { type MemoryBackplane, memoryBackplane } from '../support/memory-backplane.ts';
import { waitUntil } from '../support/wait-for.ts';
import { tinyDeployment } from './hostile/tiny-deployment.ts';
import { seeded } from './networked.ts';
import { chain } from './simulated.ts';

type Entered = (Question & { what: 'order' })['order'];
type Logged = Readonly<Record<string, unknown>>;

const OPERATOR = keyText(keyPairFromSeed(seeded(1)).publicKey);
const MESH = keyPairFromSeed(seeded(2));
const LAPSE_MS = 1000;
const opened: Opened[] = [];

afterEach(async () => {
  for (const { end } of opened.splice(0)) await end();
  vi.restoreAllMocks();
});

interface Opened {
  readonly several: Several;
  /** By key, what its gateway has sent. */
  readonly sent: ReadonlyMap<string, readonly Message[]>;
  /** What the one who leads has told. */
  readonly log: readonly Logged[];
  /** It stops, or dies: then it renews nothing, and answers no more. */
  readonly end: (how?: 'kill') => Promise<void>;
}

async function open(backplane: MemoryBackplane, port = 1, ledger: LeadingOptions['ledger'] = {}): Promise<Opened> {
  const log: Logged[] = [];
  const membership = await Membership.open(backplane);
  await membership.allow(OPERATOR, 'operator', 'start');
  const sent = new Map<string, Message[]>();
  const dead = { is: false };
  const own: MemoryBackplane = {
    ...backplane,
    put: async (key, value, expected) => {
      if (dead.is) throw new Error('it is dead');
      return backplane.put(key, value, expected);
    },
    publish: async (subject, message) => {
      if (!dead.is) await backplane.publish(subject, message);
    },
    // What a run would be trained with is looked at by nobody here.
    touchBlob: async () => true,
    subscribe: (subject, listener) => backplane.subscribe(subject, (message) => !dead.is && listener(message)),
  };
  const nothing = (): void => undefined;
  const several = await Several.open({
    ...{ backplane: own, address: `127.0.0.1:${port}`, lapseMs: LAPSE_MS },
    ...{ keysChanged: nothing, removed: nothing, log: nothing },
    gateway: {
      send: (to, message) => Boolean(sent.set(to, [...(sent.get(to) ?? []), message])),
      ...{ dismiss: nothing, dismissAll: nothing, deliver: nothing },
    },
    lead: (lead) =>
      new Leading({
        ...{ keys: MESH, membership, log: (event) => log.push(event), review: nothing, refusedAge: () => ({}) },
        ledger,
        counters: () => ({ refused: {}, relayedBytes: port, relayedPackets: 0, connections: 0 }),
        failed: (error) => {
          throw error;
        },
        ...lead,
      }),
  });
  const timer = setInterval(() => several.leading.happen({ kind: 'tick' }), TICK_MS);
  const found: Opened = {
    ...{ several, sent, log },
    end: async (how) => {
      clearInterval(timer);
      opened.splice(opened.indexOf(found), opened.includes(found) ? 1 : 0);
      dead.is = how === 'kill';
      await several.close().catch((error: unknown) => {
        if (!dead.is) throw error;
      });
    },
  };
  opened.push(found);
  return found;
}

const visitor = (): Visitor => ({ key: OPERATOR, role: 'operator' });

const deploy = (at: Opened, deployment: Deployment, run: string): Promise<unknown> =>
  at.several.answer(visitor(), { what: 'deploy', deployment: { ...deployment, run } });

const statusOf = async (at: Opened): Promise<Answers['status']> =>
  (await at.several.answer(visitor(), { what: 'status' })) as Answers['status'];

const trainer = (name: string): Message & { type: 'member' } => ({
  ...{ type: 'member', name, instance: '1'.repeat(16) },
  capability: { cores: 1, memory: 1e12, rate: 1e9, upload: 0, download: 0, machine: name },
});

const joins = (at: Opened, key: string, name = key): void =>
  at.several.trainers.heard({ key, role: 'trainer' }, trainer(name));

/** Reigns of its leaders, as its log has them. */
async function reigns(backplane: MemoryBackplane, run: string): Promise<unknown[]> {
  const records = await backplane.read(`log/${run}`, 1, 1000);
  return records.map(({ value }) => JSON.parse(value)).flatMap(({ event, reign }) => (event === 'led' ? [reign] : []));
}

test('questions to a silent leader are answered by the next one, for the same connection', async () => {
  const backplane = memoryBackplane();
  const deployment = chain(1, 1, 1, 1);
  const { run } = deployment;
  const nothing = { owners: [], instances: {}, manifests: [], rows: [], checks: [], reason: '', ...UNTROUBLED };
  const stored: StoredRun = { deployment, hash: '0'.repeat(64), phase: 'waiting', term: 0, ...nothing, created: 1 };
  await backplane.put(`run/${run}`, JSON.stringify(stored), 0);
  await backplane.put(`leader/${run}`, JSON.stringify({ holder: 'silent', reign: 1 }), 0);
  const answer = vi.spyOn(Leading.prototype, 'answer');
  const { several } = await open(backplane);
  const here = { kind: 'here', address: '127.0.0.1:2', pid: 1, load: 1, runs: [[run, 1]] };
  await backplane.publish('synchronizers', `silent 0 .${JSON.stringify(here)}`);
  const [stays, leaves] = [visitor(), visitor()];
  const answered = several.answer(stays, { what: 'run', run });
  // Nobody waits for this one any more when there is somebody to answer it.
  void several.answer(leaves, { what: 'run', run }).catch(() => undefined);
  several.left(leaves);
  expect(await answered).toMatchObject({ phase: 'waiting' });
  expect(several.led).toEqual([run]);
  expect(answer).toHaveBeenCalledTimes(1);
  // What the connection asked for is held until it ends: by that object, and no likeness of it.
  expect(answer.mock.calls[0]?.[0]).toBe(stays);
});

const EIGHT = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

test('runs spread, each is known and answered for everywhere, and goes on elsewhere when its leader dies', async () => {
  const backplane = memoryBackplane();
  const { deployment } = tinyDeployment();
  const [one, two, three] = [await open(backplane, 1), await open(backplane, 2), await open(backplane, 3)];
  const all = [one, two, three];
  const led = (of: readonly Opened[]): string[] => of.flatMap(({ several }) => several.led).sort();
  await waitUntil('the others', () => all.every(({ several }) => several.gateways.length === 3));
  for (const run of EIGHT) await deploy(one, deployment, run);
  expect(all.map(({ several }) => several.led.length).sort()).toEqual([2, 3, 3]);
  expect(led(all)).toEqual(EIGHT);

  for (const at of all) {
    joins(at, `trainer-${all.indexOf(at)}`);
    await waitUntil('all runs', () => Object.keys(at.several.state.runs).length === 8);
    const { runs, synchronizers, relayedBytes } = await statusOf(at);
    expect(runs.map(({ run }) => run)).toEqual(EIGHT);
    expect(synchronizers?.map(({ answers }) => answers)).toEqual([true, true, true]);
    expect(relayedBytes).toBe(6);
    for (const run of ['a', 'b'])
      expect(await at.several.answer(visitor(), { what: 'run', run })).toMatchObject({ term: expect.any(Number) });
  }
  // Each leader reaches the trainers of both gateways.
  await waitUntil('owners', () => Object.values(one.several.state.runs).every(({ phase }) => phase === 'preparing'));
  const assigned = all.flatMap(({ sent }) => [...sent.values()].flat()).filter(({ type }) => type === 'assign');
  expect(new Set(assigned.map((m) => 'run' in m && m.run)).size).toBe(8);

  const moved = two.several.led;
  await two.end('kill');
  // Runs of one that does not answer are shown as they are stored.
  const told = await statusOf(one);
  expect(told.runs).toHaveLength(8);
  const silent = told.synchronizers?.filter(({ answers }) => !answers);
  expect(silent).toMatchObject([{ address: '127.0.0.1:2', runs: expect.arrayContaining([...moved]) }]);
  await waitUntil('all of them led', () => String(led([one, three])) === String(EIGHT));
  for (const run of moved) {
    const found = await reigns(backplane, run);
    expect(found.at(-1), run).toBeGreaterThanOrEqual(2);
    expect(found, run).toEqual([...new Set(found)].sort());
  }
  // At one of those that are left, whichever leads it.
  await one.several.answer(visitor(), { what: 'stop', run: 'b' });
  await waitUntil('its end', () => one.several.state.runs.b?.phase === 'stopped');
  // A run that is over has no leader, and is answered for.
  await waitUntil('no lease', () => !led([one, three]).includes('b'));
  expect(await one.several.answer(visitor(), { what: 'run', run: 'b' })).toMatchObject({ phase: 'stopped' });
});

test('the ledger is written by the one that leads the mesh, whichever is asked, and goes on with the next one', async () => {
  const backplane = memoryBackplane();
  const [one, two] = [await open(backplane, 1), await open(backplane, 2)];
  await waitUntil('both', () => [one, two].every(({ several }) => several.gateways.length === 2));
  await waitUntil('a leader', () => [one, two].some(({ several }) => several.state.presides === true));
  const [first, next] = one.several.state.presides ? [one, two] : [two, one];
  await deploy(one, tinyDeployment().deployment, 'paid');
  const trainer = keyPairFromSeed(seeded(5));
  const commit = async (...ends: number[]): Promise<void> => {
    const states = ends.map((calls) =>
      signState({ run: 'paid', term: 1, shard: 0 }, { calls, hash: 'a'.repeat(64) }, trainer),
    );
    const key = keyText(trainer.publicKey);
    await backplane.append('commit/paid', JSON.stringify({ term: 1, shard: 0, states, key, begin: 0 }));
  };
  const types = (): string[] =>
    (backplane.kept.get('ledger') ?? []).map(({ value }) => (JSON.parse(value) as { type: string }).type);
  const order = { type: 'emission', run: 'paid', tokens: 10, id: 'a'.repeat(32) } as const;
  const funds = signFunds(order, keyText(keyPairFromSeed(seeded(2)).publicKey), keyPairFromSeed(seeded(1)));
  await next.several.answer(visitor(), { what: 'fund', funds });
  await commit(1);
  await waitUntil('a stretch', () => types().includes('pending'));
  await first.end('kill');
  await commit(2);
  await waitUntil('another stretch', () => types().filter((type) => type === 'pending').length === 2);
  const { records } = (await next.several.answer(visitor(), { what: 'ledger', from: 1 })) as Answers['ledger'];
  expect(verifyRecords(records).problems).toEqual([]);
  // Each seals when it ends, and from time to time.
  const written = types().filter((type) => type !== 'sealed');
  expect(written).toEqual(['opened', 'run', 'emission', 'pending', 'pending']);
});

test('a vote changes the audit rate at one record of the ledger, for every synchronizer, and who may deploy', async () => {
  const [ann, bob] = [keysOf(11), keysOf(12)];
  const [mesh, operator] = [keyText(MESH.publicKey), keyPairFromSeed(seeded(1))];
  const written = new WrittenLedger(2, MESH);
  written.earnedBy([
    [ann, 700],
    [bob, 300],
  ]);
  const backplane = memoryBackplane();
  backplane.kept.set('ledger', [...written.records]);
  const often = { lookMs: 20, sealMs: 20 };
  const [one, two] = [await open(backplane, 1, often), await open(backplane, 2, often)];
  await waitUntil('both', () => [one, two].every(({ several }) => several.gateways.length === 2));
  const enter = (entry: Entered, by = visitor()): Promise<unknown> =>
    two.several.answer(by, { what: 'order', order: entry });
  const viewer: Visitor = { key: keyText(ann.publicKey), role: 'viewer' };
  const settings = { auditRate: { value: 0.025, least: 0.01, most: 0.2 }, deployers: [OPERATOR, mesh] };
  const charter = { settings, quorum: 0.5, majority: 0.5, standing: 0.1, voting: 40, delay: 1 };
  await expect(enter(signCharter(charter, mesh, operator), viewer)).rejects.toMatchObject({ code: 'mesh/forbidden' });
  await enter(signCharter(charter, mesh, operator));
  const [faster, narrower] = ['a', 'b'].map((letter) => letter.repeat(32)) as [string, string];
  await enter(signProposal({ id: faster, setting: 'auditRate', value: 0.05 }, mesh, ann), viewer);
  await enter(signProposal({ id: narrower, setting: 'deployers', value: [mesh] }, mesh, bob), viewer);
  for (const proposal of [faster, narrower]) await enter(signVote({ proposal, vote: 'yes' }, mesh, ann), viewer);
  await expect(enter({ type: 'granted' })).rejects.toMatchObject({ code: 'ledger/refused' });
  const rates = (): number[] => [one, two].map(({ several }) => several.state.limits.auditRate);
  expect(rates()).toEqual([0.025, 0.025]);
  await waitUntil('the change', () => String(rates()) === '0.05,0.05');
  const records = backplane.kept.get('ledger') ?? [];
  const applied = records.find(({ value }) => value.includes('"setting":"auditRate"') && value.includes('"applied"'));
  for (const { log } of [one, two])
    expect(log.find(({ event, value }) => event === 'governed' && value === 0.05)?.record).toBe(applied?.sequence);
  expect(verifyRecords(records).state.governance?.settings).toMatchObject({ auditRate: 0.05 });
  await expect
    .poll(() => deploy(one, tinyDeployment().deployment, 'late').catch((error: { code?: unknown }) => error.code))
    .toBe('mesh/forbidden');
});

test('a record that cannot be read is set aside once, and named everywhere', async () => {
  const backplane = memoryBackplane();
  await backplane.put('run/bad', 'not a run', 0);
  const [one, two] = [await open(backplane, 1), await open(backplane, 2)];
  await waitUntil('the record aside', () => backplane.entries.has('damaged/run/bad'));
  await waitUntil('the others', () => [one, two].every(({ several }) => several.gateways.length === 2));
  for (const at of [one, two]) expect((await statusOf(at)).damaged).toEqual(['bad']);
  expect(backplane.entries.has('run/bad')).toBe(false);
  expect(backplane.entries.get('damaged/run/bad')).toMatchObject({ value: 'not a run', revision: 1 });
});

test('a lost write ends the lead of its run alone', async () => {
  const backplane = memoryBackplane();
  const { deployment } = tinyDeployment();
  const one = await open(backplane);
  for (const run of ['a', 'b']) await deploy(one, deployment, run);
  const entry = await backplane.get('run/a');
  await backplane.put('run/a', entry?.value ?? '', entry?.revision ?? 0);
  await one.several.answer(visitor(), { what: 'stop', run: 'a' });
  await waitUntil('the next reign', async () => (await reigns(backplane, 'a')).length === 1);
  expect(await reigns(backplane, 'b')).toEqual([]);
  // What was not written is not done.
  expect((await backplane.get('run/a'))?.value).toMatch(/"phase":"waiting"/);
  await waitUntil('both again', () => one.several.led.length === 2);
});

test('trainers with one name at two gateways have two names in the end, the same everywhere', async () => {
  const backplane = memoryBackplane();
  const [one, two] = [await open(backplane, 1), await open(backplane, 2)];
  joins(one, 'k1', 'trainer');
  joins(two, 'k2', 'trainer');
  const names = ({ several }: Opened) => Object.values(several.state.members).map(({ key, name }) => `${key} ${name}`);
  await waitUntil('the same names', () => String(names(one).sort()) === String(names(two).sort()));
  expect(names(one)).toEqual(['k1 trainer', 'k2 trainer-2']);
  // One that begins later learns of all.
  const three = await open(backplane, 3);
  await waitUntil('all trainers', () => names(three).length === 2);
  expect(names(three).sort()).toEqual(names(one));
});

test('a clean stop gives each run to the next one, and the last one suspends it', async () => {
  const backplane = memoryBackplane();
  const { deployment } = tinyDeployment();
  const [one, two] = [await open(backplane, 1), await open(backplane, 2)];
  for (const run of ['a', 'b']) await deploy(one, deployment, run);
  await waitUntil('the others', () => [one, two].every(({ several }) => several.gateways.length === 2));
  await one.end();
  await waitUntil('all runs', () => two.several.led.length === 2);
  await two.end();
  for (const run of ['a', 'b']) expect((await backplane.get(`run/${run}`))?.value).toMatch(/"phase":"suspended"/);
});
