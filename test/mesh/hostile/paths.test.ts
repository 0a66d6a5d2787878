/** Names that somebody else has chosen: whatever they are, nothing is written outside the folder that was meant. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { ensureKey } from '../../../runtime/identity/key-file.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { dial } from '../../../runtime/net/dial.ts';
import { SynchronizerNode } from '../../../runtime/net/synchronizer-node.ts';
import { writePlan, writePlanParts } from '../../../runtime/plan/write-plan.ts';
import type { StoredRun } from '../../../runtime/roles/synchronizer-state.ts';
import { createRun } from '../../../runtime/store/create-run.ts';
import { EnvironmentError, UserError } from '../../../runtime/support/errors.ts';
import { canonicalBytes } from '../../../runtime/wire/canonical.ts';
import { nmc, temporaryFolder } from '../../support/nmc.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { type JoinedTrainer, joinedTrainer } from './joined-trainer.ts';
import { tinyDeployment, tinyPart, withFile } from './tiny-deployment.ts';

const root = mkdtempSync(join(tmpdir(), 'nmc-paths-'));
afterAll(() => removeFolder(root));

/** Everything below a folder with its content, but for what lies below `except`. */
function everything(folder: string, except: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (path === except) continue;
    const stat = lstatSync(path);
    if (stat.isDirectory()) Object.assign(found, { [path]: 'folder' }, everything(path, except));
    else found[path] = stat.isSymbolicLink() ? readlinkSync(path) : readFileSync(path, 'latin1');
  }
  return found;
}

let count = 0;
/** A folder to be written, with links in it, beside one that must stay as it is. */
function sandbox(): { readonly place: string; readonly folder: string } {
  const folder = join(root, String(++count));
  const place = join(folder, 'a', 'place');
  mkdirSync(join(folder, 'outside', 'deep'), { recursive: true });
  mkdirSync(place, { recursive: true });
  writeFileSync(join(folder, 'outside', 'victim'), 'as it was');
  symlinkSync(join(folder, 'outside'), join(place, 'link'));
  symlinkSync(join(folder, 'outside', 'victim'), join(place, 'file-link'));
  symlinkSync('../..', join(place, 'up'));
  return { place, folder };
}

const component = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('..', '.', '', 'link', 'file-link', 'up', 'deep', 'victim', 'outside') },
  { weight: 2, arbitrary: fc.constantFrom('con', 'NUL.txt', 'x.', 'x ', 'c:', '\\', '..\\..\\x', '\0', '\n', '~') },
  { weight: 2, arbitrary: fc.constantFrom('a', 'A', 'b', 'cpu', 'plan.json', 'state', 'n'.repeat(300)) },
  { weight: 1, arbitrary: fc.string({ maxLength: 8, unit: 'binary' }) },
);
const hostile = fc.oneof(
  { weight: 8, arbitrary: fc.array(component, { minLength: 1, maxLength: 5 }).map((names) => names.join('/')) },
  { weight: 1, arbitrary: fc.constantFrom('/etc/x', '//x', '../'.repeat(400), `${'a/'.repeat(40)}x`) },
);
const names = fc.uniqueArray(hostile, { minLength: 1, maxLength: 4 });

/** @returns whether it was written; a refusal is in words */
function attempt(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof UserError || error instanceof EnvironmentError) return false;
    throw error;
  }
}

describe.skipIf(process.platform === 'win32')('hostile names change nothing outside their folder', () => {
  const bytes = new TextEncoder().encode('not yours');

  test('where a plan is written', () => {
    let written = 0;
    fc.assert(
      fc.property(names, fc.boolean(), (paths, fresh) => {
        const { place, folder } = sandbox();
        const target = fresh ? join(folder, 'a', 'fresh') : place;
        const before = everything(folder, target);
        const done = attempt(() => writePlan(target, bytes, new Map(paths.map((path) => [path, bytes]))));
        expect(everything(folder, target)).toEqual(before);
        if (!done) return;
        written++;
        for (const path of paths) expect(readFileSync(join(target, path), 'utf8')).toBe('not yours');
      }),
      { seed: 7, numRuns: 200 },
    );
    expect(written).toBeGreaterThan(5);
  });

  test('where a run is made', () => {
    const state = { epoch: 0, batch: 0, update: 0, finished: false, totals: {}, parameters: [], auxiliary: [] };
    const settings = { device: 'auto', data: null, folder: '.', limit: null, epochs: 1, batch: 1, rule: '', set: {} };
    const config = {
      ...{ model: '../x', task: '../../x', settings, compilerVersion: '1', seed: 1, parameterCount: 0 },
      source: { path: '../x', text: '' },
    };
    fc.assert(
      fc.property(names, fc.boolean(), (paths, named) => {
        const { folder } = sandbox();
        const target = join(folder, 'a', 'runs');
        mkdirSync(target);
        const before = everything(folder, target);
        const files = new Map(paths.map((path) => [`plan/${path}`, bytes]));
        const place = named ? { directory: join(target, 'run') } : { parent: target };
        attempt(() => createRun(place, config, state, { files }).close());
        expect(everything(folder, target)).toEqual(before);
      }),
      { seed: 8, numRuns: 60 },
    );
  });

  test('where a link appears between two files', () => {
    const { folder } = sandbox();
    const target = join(folder, 'a', 'fresh');
    const write = (sink: (bytes: Uint8Array) => void): void => sink(bytes);
    function* parts() {
      yield { path: 'cpu/one', write };
      // Somebody who can write here puts a link in place of the folder.
      const scratch = readdirSync(join(folder, 'a')).find((name) => name.startsWith('.fresh')) ?? '';
      rmSync(join(folder, 'a', scratch, 'cpu'), { recursive: true });
      symlinkSync(join(folder, 'outside'), join(folder, 'a', scratch, 'cpu'));
      yield { path: 'cpu/two', write };
    }
    const before = everything(folder, target);
    expect(() => writePlanParts(target, parts(), (_, sink) => sink(bytes))).toThrow('a part of its path is a link');
    expect(everything(folder, target)).toEqual(before);
  });
});

describe('a mesh with hostile file names', () => {
  const folder = temporaryFolder();
  const made = tinyDeployment();
  const operator = ensureKey(join(folder, 'config', 'key.json'));
  const trainer = ensureKey(join(folder, 'deep', 'down', 'trainer', 'key.json'));
  const env = { NMC_CONFIG: join(folder, 'config') };
  let node: SynchronizerNode;
  let joined: JoinedTrainer | undefined;

  /** All that has come to lie anywhere here under a name that only a hostile plan has. */
  const escaped = (): string[] =>
    readdirSync(folder, { recursive: true }).filter((name) => String(name).includes('escaped')) as string[];
  const dialled = () =>
    dial({ address: { host: '127.0.0.1', port: node.port, secure: false }, role: 'operator', keys: operator });

  beforeAll(async () => {
    // A synchronizer that asks nobody has taken these runs: one to be trained, one with a snapshot to be fetched.
    const backplane = embeddedBackplane(join(folder, 'backplane'));
    const store = async (run: string, paths: readonly string[], more: Partial<StoredRun>): Promise<void> => {
      const bad = paths.reduce((all, path) => withFile(all, path), made);
      const deployment = { ...bad.deployment, run };
      for (const bytes of bad.blobs.values()) await backplane.putBlob(bytes);
      const hash = await backplane.putBlob(canonicalBytes(deployment));
      const stored = {
        ...{
          deployment,
          hash,
          phase: 'waiting',
          term: 0,
          epoch: 0,
          owners: [],
          instances: {},
          manifests: [],
          rows: [],
        },
        ...{ checks: [], reason: '', created: 0, ...more },
      };
      await backplane.put(`run/${run}`, JSON.stringify(stored), 0);
    };
    const ups = [2, 3, 4, 5].map((n) => `${'../'.repeat(n)}escaped-${n}`);
    await store('to-train', ups, {});
    const part = await backplane.putBlob(tinyPart(made));
    const manifests = [{ calls: 1, parts: [part], totals: {}, milliseconds: 1 }];
    await store('to-fetch', [...ups, 'cpu/../../../escaped'], { phase: 'stopped', manifests });
    node = await SynchronizerNode.open({
      ...{ keys: ensureKey(join(folder, 'synchronizer', 'key.json')), backplane, host: '127.0.0.1', port: 0 },
      ...{ operator: keyText(operator.publicKey), log: () => undefined, onShutdown: () => undefined },
    });
    await node.allow(keyText(trainer.publicKey), 'trainer');
  });
  afterAll(async () => {
    joined?.kill();
    await node.close();
  });

  test('refuses a deployment with such a file', async () => {
    const link = await dialled();
    const bad = withFile(made, '../../escaped');
    for (const [hash, bytes] of bad.blobs) await link.putBlob(hash, bytes);
    await expect(link.ask({ what: 'deploy', deployment: bad.deployment })).rejects.toThrow('it leaves its folder');
    link.close();
  });

  test('makes a trainer write nothing outside its folder, which says why', async () => {
    joined = await joinedTrainer(node.port, 'deep/down/trainer', { cwd: folder, env });
    const { failures } = joined;
    await expect.poll(() => failures().length + escaped().length, { timeout: 50_000 }).toBeGreaterThan(0);
    expect(escaped()).toEqual([]);
    expect(failures()[0]).toMatchObject({ run: 'to-train', code: 'mesh/deployment' });
  }, 60_000);

  test('gets no trainer whose name is a path', async () => {
    const name = '../../deep/escaped';
    const outcome = await nmc(['join', `127.0.0.1:${node.port}`, '--name', name], { cwd: folder, env });
    expect(escaped()).toEqual([]);
    expect(outcome.code, outcome.stderr).toBe(2);
  }, 60_000);

  test('makes nmc fetch write nothing outside its folder, which says why', async () => {
    const mesh = ['--mesh', `127.0.0.1:${node.port}`, '--json'];
    const outcome = await nmc(['fetch', 'to-fetch', '-o', 'deep/down/fetched', ...mesh], { cwd: folder, env });
    expect(escaped()).toEqual([]);
    expect(outcome.code, outcome.stderr).toBe(2);
    expect(outcome.stdout + outcome.stderr).toContain('mesh/deployment');
    expect(existsSync(join(folder, 'deep', 'down', 'fetched'))).toBe(false);
  }, 60_000);
});
