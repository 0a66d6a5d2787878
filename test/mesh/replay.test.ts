/** Records of stretches, made by trainers of which some die: done again they give the bits that were signed. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import type { BuiltPlan } from '../../compiler/8-plan/build.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import { keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import { keyText } from '../../runtime/identity/key-text.ts';
import { type Bisected, bisected } from '../../runtime/net/records/bisect.ts';
import { cutRecord } from '../../runtime/net/records/cut-record.ts';
import {
  decodeEntryHead,
  ENTRY_HEAD_BYTES,
  type EntryKind,
  MAGIC,
  wordsEntry,
} from '../../runtime/net/records/entries.ts';
import {
  openCutRecord,
  openRecord,
  type RecordEnd,
  type StretchRecord,
} from '../../runtime/net/records/read-record.ts';
import { type RepeatOptions, repeatStretch } from '../../runtime/net/records/repeat.ts';
import {
  heldAgainst,
  type KnownOfRun,
  replayStretch,
  unsignedWindows,
  type Verdict,
} from '../../runtime/net/records/replay.ts';
import { decodeState, stateHash } from '../../runtime/net/shard-state.ts';
import { ownPath } from '../../runtime/support/safe-path.ts';
import { decodeReads, encodeReads } from '../../runtime/wire/reads.ts';
import { signState } from '../../runtime/wire/state-signature.ts';
import { directionOf } from '../../runtime/wire/window.ts';
import { type Laziness, lazyDevice } from '../support/lazy-device.ts';
import { removeFolder } from '../support/remove-folder.ts';
import { freePlanOf, planOf, points } from './chain-model.ts';
import { type HostedOptions, type HostedResult, trainHosted } from './hosted.ts';
import { seeded } from './networked.ts';

vi.setConfig({ testTimeout: 60_000 });

const folder = mkdtempSync(join(tmpdir(), 'nmc-records-'));
afterAll(() => removeFolder(folder));
let runs = 0;

interface Recorded extends HostedResult {
  readonly plan: BuiltPlan;
  /** Complete records, by trainer. */
  readonly records: readonly { readonly trainer: string; readonly path: string }[];
}

/** Two epochs of seven batches, each with an evaluation. */
async function recorded(plan: BuiltPlan, options: Partial<HostedOptions> = {}): Promise<Recorded> {
  const records = ownPath(folder, String(runs++));
  const stretches = { batches: 2, bytes: 2 ** 30, keep: 2 ** 30 };
  const usual = { plan, train: points, checks: [points], trainers: 3, epochs: 2, snapshotEvery: 5, seed: 1 };
  const result = await trainHosted({ ...usual, stretches, records, ...options });
  const files = readdirSync(records, { recursive: true, encoding: 'utf8' });
  expect(files.filter((name) => name.endsWith('.open'))).toEqual([]);
  const complete = files.filter((name) => name.endsWith('.rec')).sort();
  return {
    ...result,
    plan,
    records: complete.map((name) => ({ trainer: name.split('/')[0] ?? '', path: join(records, name) })),
  };
}

const PIPELINED = planOf(3, 0);
const FREE = freePlanOf(3, 2);
let undisturbed: Promise<Recorded> | undefined;
/** Undisturbed, for all tests that want no more. */
function pipelined(): Promise<Recorded> {
  undisturbed ??= recorded(PIPELINED);
  return undisturbed;
}

let free: ReturnType<typeof recorded> | undefined;
/** In schedule `async`, with packets that are lost. */
function freely(): Promise<Recorded> {
  free ??= recorded(FREE, { loss: 0.05 });
  return free;
}

async function replayed(
  run: Recorded,
  paths: readonly string[],
  more: Partial<KnownOfRun> = {},
  version = 'test',
  largeStateBytes?: number,
): Promise<Verdict> {
  const { blob, manifests, log } = run;
  const records: StretchRecord[] = [];
  try {
    for (const path of paths) records.push(openRecord(path));
    return await replayStretch(records, {
      ...{ ...repeating(run), version },
      ...(largeStateBytes === undefined ? {} : { largeStateBytes }),
      known: {
        manifest: (shard, calls) => stateHash(decodeState(blob(manifests.get(calls)?.[shard] ?? ''))),
        owners: (term) => log.find((e) => e.event === 'epoch-of-owners' && e.epoch === term)?.keys as readonly string[],
        ...more,
      },
    });
  } finally {
    for (const record of records) record.close();
  }
}

/** Term, shard and first call are in the name: `1-3-6.rec`. */
const placeOf = (path: string) => {
  const [shard = 0, term = 0, from = 0] = (/(\d+)-(\d+)-(\d+)\.rec$/.exec(path) ?? []).slice(1).map(Number);
  return { shard, term, from };
};

/** Windows of a term's last stretch may be on their way when it ends: then it is the same, and not proved. */
function outcomeOf({ records }: Recorded, term: number, from: number): unknown {
  const last = Math.max(
    ...records.map(({ path }) => placeOf(path)).flatMap((at) => (at.term === term ? [at.from] : [])),
  );
  if (from < last) return { verdict: 'match' };
  return expect.toSatisfy(
    (found: Verdict) => found.verdict === 'match' || (found.verdict === 'inconclusive' && /windows/.test(found.why)),
  );
}

test.each([
  ['in lockstep', planOf(3, 0, 1)],
  ['pipelined', PIPELINED],
  ['ahead', planOf(3, 1)],
] as const)(
  'every stretch of every shard replays %s as it was signed, before and after a kill',
  async (_name, plan) => {
    const { milliseconds } = plan === PIPELINED ? await pipelined() : await recorded(plan);
    const killed = await recorded(plan, { trainers: 4, kills: [{ at: milliseconds * 0.6, trainer: 1 }] });
    expect(killed.run).toMatchObject({ phase: 'done', term: 2 });
    const terms = new Set<number | undefined>();
    for (const { path } of killed.records) {
      const { term, from } = placeOf(path);
      expect(await replayed(killed, [path]), path).toEqual(outcomeOf(killed, term, from));
      terms.add(term);
    }
    expect(terms).toEqual(new Set([1, 2]));
    // Seven stretches a shard and run, where nothing is lost.
    expect(killed.records.length).toBeGreaterThan(3 * 7);
  },
);

test.each([1, 2])('free ticks replay what they have read, whatever was late or lost: %i parts', async (parts) => {
  const run = parts === 1 ? await freely() : await recorded(freePlanOf(3, 2, undefined, undefined, 2), { loss: 0.05 });
  expect(run.lost).toBeGreaterThan(0);
  const ages = new Set<number>();
  for (const { path } of run.records) {
    const { term, from } = placeOf(path);
    expect(await replayed(run, [path]), path).toEqual(outcomeOf(run, term, from));
    for (const age of agesIn(path)) ages.add(age);
  }
  expect(run.records.length).toBeGreaterThan(3 * 7);
  expect([Math.max(...ages), Math.min(...ages)]).toEqual([2, expect.toSatisfy((age: number) => age < 0)]);
});

test('a trainer that says it has read older frames than it did is found out, and so is who changes its record', async () => {
  const run = await freely();
  const all = run.records.map(({ path }) => openRecord(path));
  const record = all.find(({ reads }) => reads.some(({ payload }) => older(payload))) as StretchRecord;
  const reads = record.reads.map((said) => ({ ...said, payload: older(said.payload) ?? said.payload }));
  const other = { ...record, reads };
  expect(() => unsignedWindows([other], run.deployment)).toThrow('is not over its frames');
  const found = await repeatStretch([other], repeating(run));
  expect(heldAgainst([record], found, 0)).toMatchObject({ verdict: 'mismatch', shard: record.head.shard });
  for (const each of all) each.close();
});

/** The same as was read, but for one tick that has read once more what the one before it had; nothing: there is none. */
function older(payload: Uint8Array): Uint8Array | undefined {
  const reads = decodeReads(payload);
  if (reads === 'unsound' || !reads) return undefined;
  for (const [i, { taken }] of reads.entries()) {
    const at = taken.findIndex((of, tick) => (taken[tick - 1] ?? of) < of && (taken[tick - 1] ?? 0) >= tick - 2);
    if (at < 0) continue;
    const changed = taken.with(at, taken[at - 1] as number);
    return encodeReads(reads.map((read, j) => (i === j ? { ...read, taken: changed } : read)));
  }
  return undefined;
}

/** By how many ticks the frames were older that its ticks have read. */
function agesIn(path: string): number[] {
  const record = openRecord(path);
  const reads = record.reads.flatMap(({ payload }) => {
    const read = decodeReads(payload);
    return read === 'unsound' ? [] : (read ?? []);
  });
  record.close();
  return reads.flatMap(({ taken }) => taken.map((of, tick) => tick - of));
}

test('shards of one trainer are repeated together, and frames between them are in no record', async () => {
  const two = await recorded(PIPELINED, { trainers: 2 });
  const beyond = new Map<string, string[]>();
  for (const { trainer, path } of two.records) {
    const { from } = placeOf(path);
    const unit = `${trainer}/${from}`;
    beyond.set(unit, [...(beyond.get(unit) ?? []), path]);
  }
  const units = [...beyond.values()];
  expect(new Set(units.map((paths) => paths.length))).toEqual(new Set([1, 2]));
  for (const paths of units) {
    const { term, from } = placeOf(paths[0] ?? '');
    expect(await replayed(two, paths), paths.join(' ')).toEqual(outcomeOf(two, term, from));
    if (paths.length > 1)
      expect(await replayed(two, paths.slice(1))).toMatchObject({
        verdict: 'inconclusive',
        why: expect.stringContaining('the same trainer had shard'),
      });
  }
});

test('a stretch replays from a state that is read tensor by tensor, and not from one that was changed', async () => {
  const run = await pipelined();
  const paths = run.records.map((r) => r.path).filter((p) => placeOf(p).shard === 1);
  for (const path of paths.slice(0, 3))
    expect(await replayed(run, [path], {}, 'test', 1), path).toEqual({ verdict: 'match' });
  const [, path = ''] = paths;
  const bytes = readFileSync(path);
  const state = entriesOf(bytes).entries.find(({ kind }) => kind === 'state');
  const last = (state?.at ?? 0) + (state?.bytes ?? 0) - 1;
  bytes[last] = (bytes[last] ?? 0) ^ 1;
  const changed = join(folder, 'state.rec');
  writeFileSync(changed, bytes);
  await expect(replayed(run, [changed], {}, 'test', 1)).rejects.toMatchObject({ code: 'record/damaged' });
});

test('a changed byte and a missing end of a record are found before anything is computed', async () => {
  const run = await pipelined();
  const path = run.records.map((r) => r.path).find((p) => placeOf(p).shard === 1 && placeOf(p).from === 2) ?? '';
  expect(await replayed(run, [path])).toEqual({ verdict: 'match' });
  const whole = readFileSync(path);
  const { entries, end } = entriesOf(whole);
  expect(new Set(entries.map(({ kind }) => kind))).toEqual(
    new Set(['head', 'state', 'taken', 'sent', 'window', 'end', 'foot', 'signature']),
  );
  const changed = join(folder, 'changed.rec');
  const damaged = async (bytes: Uint8Array, what: string): Promise<void> => {
    writeFileSync(changed, bytes);
    await expect(replayed(run, [changed]), what).rejects.toMatchObject({ code: 'record/damaged' });
  };
  const flipped = (at: number): Uint8Array => {
    const bytes = Uint8Array.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  };
  for (const [kind, where] of new Map(entries.map((e) => [e.kind, e]))) {
    // In the middle of the body, and at its end; of a frame that came also in its header.
    const within = kind === 'taken' ? [where.at + 4 + 60, where.at + 4 + 100] : [];
    for (const at of [...within, where.at + where.bytes / 2, where.at + where.bytes - 1])
      await damaged(flipped(Math.floor(at)), `${kind} at ${at}`);
  }
  for (const bytes of [0, 7, 8, 30, end - 1, Math.floor(end / 2)])
    await damaged(whole.subarray(0, bytes), `${bytes} bytes`);
  await damaged(Buffer.concat([whole, Buffer.alloc(1)]), 'a byte more');
  // Without one of its frames it holds no longer, though all that is left is sound.
  const taken = entries.find(({ kind }) => kind === 'taken');
  const rest = [
    whole.subarray(0, (taken?.at ?? 0) - ENTRY_HEAD_BYTES),
    whole.subarray((taken?.at ?? 0) + (taken?.bytes ?? 0)),
  ];
  await damaged(Buffer.concat(rest), 'a frame less');
});

test('a trainer that signs what it has not computed is found out', async () => {
  const run = await pipelined();
  const { trainer, path } = run.records.find((r) => placeOf(r.path).shard === 1 && placeOf(r.path).from === 2) ?? {
    trainer: '',
    path: '',
  };
  const whole = readFileSync(path);
  const { entries } = entriesOf(whole);
  const end = entries.find(({ kind }) => kind === 'end');
  if (!end) throw new Error('a record without an end');
  const said = JSON.parse(whole.subarray(end.at, end.at + end.bytes).toString()) as RecordEnd;
  const lied = async (change: Partial<RecordEnd>): Promise<Verdict> => {
    const other = join(folder, 'lie.rec');
    const entry = wordsEntry('end', { ...said, ...change });
    const before = whole.subarray(0, end.at - ENTRY_HEAD_BYTES);
    writeFileSync(other, Buffer.concat([before, ...entry, whole.subarray(end.at + end.bytes)]));
    return replayed(run, [other]);
  };
  expect(await lied({})).toEqual({ verdict: 'match' });
  const place = { run: run.deployment.run, term: 1, shard: 1 };
  const signed = signState(
    place,
    { ...said.signed, hash: 'a'.repeat(64) },
    keyPairFromSeed(seeded(50 + Number(trainer))),
  );
  expect(await lied({ signed })).toEqual({
    ...{ verdict: 'mismatch', shard: 1, what: 'state', call: 4, here: said.signed.hash },
  });
  const [sum] = Object.keys(said.totals);
  expect(sum).toBeDefined();
  expect(await lied({ totals: { ...said.totals, [sum ?? '']: 1 } })).toMatchObject({ what: 'sums' });
});

test('a verifier takes the owners of shards and the snapshots from the mesh, never from the record', async () => {
  const run = await pipelined();
  const paths = run.records.map(({ path }) => path).filter((path) => placeOf(path).shard === 1);
  const behind = paths.find((path) => placeOf(path).from === 2) ?? '';
  const owners = run.log.find((e) => e.event === 'epoch-of-owners')?.keys as readonly string[];
  await expect(replayed(run, [behind], { owners: () => [...owners].reverse() })).rejects.toMatchObject({
    code: 'record/damaged',
  });
  expect(await replayed(run, [behind], { owners: () => undefined })).toMatchObject({ verdict: 'inconclusive' });
  expect(await replayed(run, [behind], {}, 'another')).toMatchObject({
    ...{ verdict: 'inconclusive', why: expect.stringContaining('computed by version test with reference') },
  });
  // A record of a term that begins anew: its first state is that of a snapshot, which it cannot say by itself.
  const killed = await recorded(PIPELINED, { trainers: 4, kills: [{ at: run.milliseconds * 0.6, trainer: 1 }] });
  const again = killed.records.map(({ path }) => path).filter((path) => placeOf(path).term === 2);
  const first = again.find((path) => placeOf(path).from === Math.min(...again.map((p) => placeOf(p).from))) ?? '';
  expect(await replayed(killed, [first])).toEqual({ verdict: 'match' });
  expect(await replayed(killed, [first], { manifest: () => undefined })).toMatchObject({ verdict: 'inconclusive' });
  await expect(replayed(killed, [first], { manifest: () => 'a'.repeat(64) })).rejects.toMatchObject({
    code: 'record/damaged',
  });
});

/** As an auditor does it: from the bytes that it gets alone; then it is held against the whole record. */
async function audited(run: Recorded, path: string): Promise<Verdict> {
  const record = openRecord(path);
  try {
    const given = join(folder, 'given.cut');
    writeFileSync(given, await cutBytes(record));
    const cut = openCutRecord(given);
    const found = await repeatStretch([cut], repeating(run)).finally(() => cut.close());
    return heldAgainst([record], found, unsignedWindows([record], run.deployment));
  } finally {
    record.close();
  }
}

/** Where it first shows that a record was not computed as it was signed. */
async function bisectedAt(run: Recorded, path: string, device = referenceDevice): Promise<Bisected | undefined> {
  const record = openRecord(path);
  try {
    return await bisected([record], { ...repeating(run), device });
  } finally {
    record.close();
  }
}

function repeating({ plan, deployment, blob }: Recorded): RepeatOptions {
  return {
    ...{ deployment, device: referenceDevice, blob: async (hash) => blob(hash) },
    sourceOf: async (shard) => {
      const part = plan.shards?.[shard];
      if (!part) throw new Error(`no shard ${shard}`);
      return { schedule: part.schedule, executable: { program: part.program, files: new Map() } };
    },
  };
}

async function cutBytes(record: StretchRecord): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of cutRecord(record)) pieces.push(Uint8Array.from(piece));
  return Buffer.concat(pieces);
}

test('an auditor gets nothing of what came out: no hash of the end, no sums, no hash of a frame that went', async () => {
  const { records } = await pipelined();
  for (const { path } of records.filter((r) => placeOf(r.path).shard === 1)) {
    const record = openRecord(path);
    const [given, whole] = [await cutBytes(record), readFileSync(path)];
    const { end, head, sent, windows } = record;
    const out = windows.filter((w) => w.window.direction === directionOf(head.shard, w.peer));
    expect(sent.length * out.length).toBeGreaterThan(0);
    const hidden = [
      ...[end.signed.hash, end.signed.sig, ...out.flatMap(({ window }) => [window.root, window.sig])],
      ...sent.map(({ leaf }) => Buffer.from(leaf).toString('hex')),
    ];
    for (const text of hidden)
      for (const secret of [Buffer.from(text), Buffer.from(text, 'hex')]) expect(given.includes(secret)).toBe(false);
    // All of it stands in the record that it was made from, in one form or the other.
    for (const text of hidden)
      expect(whole.includes(Buffer.from(text)) || whole.includes(Buffer.from(text, 'hex'))).toBe(true);
    expect(end.totals).not.toEqual({});
    expect(given.includes(JSON.stringify(end.totals))).toBe(false);
    expect(whole.includes(JSON.stringify(end.totals))).toBe(true);
    record.close();
  }
});

test.each([
  // Batch 3 is the second one of its stretch; of weights that did not move in batch 2 the frames of batch 3 tell.
  ['skips ticks', 'skips', 3, 3, { call: 3, how: 'left-out' }],
  ['sends zeros', 'zeros', 3, 3, { call: 3, how: 'zeros' }],
  ['moves no weights', 'frozen', 2, 3, { call: 2, how: 'unmoved' }],
  ['leaves out an operation', 'operation', 3, 3, { call: 3, how: 'zeros', op: 'matmul' }],
] as const)(
  'a trainer that %s is found by its first wrong call, border, tick and operation, and no other one',
  async (_, laziness, from, first, wrong) => {
    const lazy = 1;
    const run = await recordedOf(laziness, from, lazy);
    const verdicts = new Map<string, Verdict[]>();
    for (const { trainer, path } of run.records) {
      if (placeOf(path).from >= 6) continue;
      const verdict = await audited(run, path);
      expect(await replayed(run, [path]), path).toEqual(verdict);
      verdicts.set(trainer, [...(verdicts.get(trainer) ?? []), verdict]);
    }
    const [owner, ...others] = [...verdicts].sort(([a]) => (a === String(lazy) ? -1 : 1));
    expect(owner?.[1].map(({ verdict }) => verdict)).toEqual(['match', 'mismatch', 'mismatch', 'mismatch']);
    expect(owner?.[1][1]).toMatchObject({ what: 'frame', call: first });
    expect(others.flatMap(([, all]) => all.map(({ verdict }) => verdict))).toEqual(Array(8).fill('match'));
    const paths = run.records.filter(({ trainer }) => trainer === String(lazy)).map(({ path }) => path);
    const told = await bisectedAt(run, paths.find((path) => placeOf(path).from === 2) ?? '');
    expect(told).toMatchObject({ first: { ...wrong, tick: 0 } });
    expect(told?.first.right?.every((value) => value !== 0)).toBe(true);
    expect(told).not.toHaveProperty('unsettled');
  },
);

test('a finding of another device is held against the interpreter, and there is none where all is as it was signed', async () => {
  const run = await pipelined();
  const path = run.records.map((r) => r.path).find((p) => placeOf(p).shard === 1 && placeOf(p).from === 2) ?? '';
  expect(await bisectedAt(run, path)).toBeUndefined();
  const faulty = lazyDevice('zeros', 0, { ...referenceDevice, name: 'faulty' });
  expect((await bisectedAt(run, path, faulty))?.unsettled).toMatch(/^faulty and the interpreter are too far apart in /);
});

test.each(['skips', 'zeros', 'frozen', 'reused'] as const)(
  'a trainer of free ticks that %s is found, and no other one',
  async (laziness) => {
    const lazy = 1;
    const run = await recordedOf(laziness, 2, lazy, FREE);
    const found = new Map<string, string[]>();
    for (const { trainer, path } of run.records) {
      if (placeOf(path).from >= 6) continue;
      const { verdict } = await audited(run, path);
      found.set(trainer, [...(found.get(trainer) ?? []), verdict]);
    }
    const [owner, ...others] = [...found].sort(([a]) => (a === String(lazy) ? -1 : 1));
    expect(owner?.[1]).toEqual(['match', 'mismatch', 'mismatch', 'mismatch']);
    expect(others.flatMap(([, all]) => all)).toEqual(Array(8).fill('match'));
  },
);

test('a mesh draws stretches behind their seals, and excludes a trainer that has not computed two of them', async () => {
  const lazy = 1;
  const device = (trainer: number) => (trainer === lazy ? lazyDevice('frozen', 2) : referenceDevice);
  const audits = { audits: true, limits: { auditRate: 1 }, trainers: 4 } as const;
  const run = await recorded(PIPELINED, { device, ...audits });
  const key = keyText(keyPairFromSeed(seeded(50 + lazy)).publicKey);
  expect(run.run).toMatchObject({ phase: 'done', term: 2, excluded: [key] });
  expect(run.revoked).toEqual([key]);
  const wrong = run.verdicts.filter(({ verdict }) => verdict !== 'match' && verdict !== 'inconclusive');
  expect(wrong.length).toBeGreaterThan(1);
  const undecided = run.log.filter((e) => e.event === 'audit' && e.verdict === 'inconclusive');
  for (const { why } of undecided) expect(why).toMatch(/have not signed what they got or sent/);
  for (const { trainer, verdict } of wrong) expect([trainer, verdict]).toEqual([key, 'mismatch']);
  const named = run.log.filter((e) => e.event === 'audit' && e.verdict === 'mismatch');
  expect(named[0]).toMatchObject({ trainer: `node-${lazy}`, from: 2, calls: 4, what: 'frame', call: 3 });
  // In the second term the others do all, and of each stretch that is sealed there is a verdict.
  const after = run.verdicts.filter(({ term }) => term === 2);
  for (const { verdict } of after) expect(['match', 'inconclusive']).toContain(verdict);
  // Of the first term as well, though windows of its last stretches never came: all that was signed is looked at.
  for (const { path } of run.records) {
    const { shard, term, from } = placeOf(path);
    const said = run.verdicts.filter((v) => v.term === term && v.shard === shard && v.from === from);
    expect(said, path).toHaveLength(1);
  }
  expect(run.log.map((e) => e.event)).toContain('not-undone');
  // Seals tell what came over the borders, and what was done again counts as a look.
  const { borders = {}, keys = {} } = run.watch ?? {};
  expect(new Set(Object.keys(borders).map((name) => name.split('/').slice(0, 2).join(' > ')))).toEqual(
    new Set(['0 > 1', '0 > 2', '1 > 0', '1 > 2', '2 > 0', '2 > 1']),
  );
  for (const { past } of Object.values(borders)) for (const { rms } of past) expect(rms).toBeGreaterThan(-10);
  for (const { trainer } of after) expect(keys[trainer]?.looked).toBeGreaterThan(3);
});

function recordedOf(laziness: Laziness, fromBatch: number, lazy: number, plan = PIPELINED): Promise<Recorded> {
  const device = (trainer: number) => (trainer === lazy ? lazyDevice(laziness, fromBatch) : referenceDevice);
  return recorded(plan, { device, epochs: 1 });
}

/** Where the entries of a record lie. */
function entriesOf(bytes: Buffer): { entries: { kind: EntryKind; at: number; bytes: number }[]; end: number } {
  const entries = [];
  let at = MAGIC.length;
  while (at < bytes.length) {
    const head = decodeEntryHead(bytes.subarray(at, at + ENTRY_HEAD_BYTES));
    entries.push({ kind: head.kind, at: at + ENTRY_HEAD_BYTES, bytes: head.bytes });
    at += ENTRY_HEAD_BYTES + head.bytes;
  }
  return { entries, end: bytes.length };
}
