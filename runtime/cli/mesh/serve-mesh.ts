/** The predictor of a mesh: plan and weights of a run's newest snapshot, followed as it is trained. */
import type { Device } from '../../device/device.ts';
import { askStatus } from '../../net/ask-status.ts';
import type { Link } from '../../net/link.ts';
import type { VerifiedPlan } from '../../plan/verify-plan.ts';
import type { Loaded, PredictorSource } from '../../serve/predictor.ts';
import { openShards, type ShardSource } from '../../shard/shards.ts';
import { weightsHash } from '../../store/weights-hash.ts';
import { cacheFolder } from '../../support/cache-folder.ts';
import { nmc } from '../../support/command-text.ts';
import { UserError } from '../../support/errors.ts';
import { makePrivateFolder } from '../../support/safe-files.ts';
import { ownPath } from '../../support/safe-path.ts';
import { executablesOf } from '../compiling/plan-executables.ts';
import { allSizes, prepareSizes } from '../compiling/sized-functions.ts';
import { commandDevice } from '../shell/command-device.ts';
import { askRun, type FetchedRun, newestManifest, wholeParameters } from './fetch-run.ts';
import { fetchParts } from './fetched-parts.ts';
import { fetchPlanFiles } from './fetched-plan.ts';
import { openMesh, wentAway } from './mesh-link.ts';
import type { ReachArguments } from './options.ts';

/**
 * @param run its name; the newest one with a snapshot where it is not said
 * @param hashes whether weights are hashed, for answers that are signed
 */
export async function meshSource(
  args: ReachArguments,
  run: string | undefined,
  deviceName: string,
  hashes = false,
): Promise<PredictorSource> {
  let link: Link | undefined;
  const connected = async (): Promise<Link> => {
    link ??= await openMesh(args);
    return link;
  };
  const asking = async <T>(work: (link: Link) => Promise<T>): Promise<T> => {
    try {
      return await work(await connected());
    } catch (error) {
      // The mesh is away: the weights that are loaded go on serving, and the next look connects again.
      if (wentAway(error)) link = undefined;
      throw error;
    }
  };
  const name = run ?? (await asking(newestRun));
  const device = await commandDevice(deviceName);
  let plan: VerifiedPlan | undefined;
  let sources: readonly ShardSource[] | undefined;
  return {
    name: `run ${name} of the mesh`,
    newest: () => asking(async (l) => String((await askRun(l, name)).manifests.at(-1)?.calls ?? 0)),
    load: () =>
      asking(async (l) => {
        const fetched = await askRun(l, name);
        plan ??= (await fetchPlanFiles(l, fetched.deployment)).loaded;
        sources ??= await sourcesOf(plan, device);
        const opened = await openFetched(l, newestManifest(fetched), { plan, device, sources, hashes });
        prepareSizes(opened.shard);
        return { version: String(newestManifest(fetched).calls), plan: plan.plan, ...opened };
      }),
  };
}

/**
 * The weights of each snapshot that a run of the mesh keeps, the newest first, ready to predict one after the other.
 * @param use with its hash and the calls behind which it was made. @returns what `use` has returned first
 */
export async function amongSnapshots<T>(
  args: ReachArguments,
  run: string,
  use: (loaded: Loaded, isNewest: boolean) => Promise<T | undefined>,
): Promise<T | undefined> {
  const link = await openMesh(args);
  try {
    const device = await commandDevice('auto');
    const fetched = await askRun(link, run);
    const newest = newestManifest(fetched);
    const plan = (await fetchPlanFiles(link, fetched.deployment)).loaded;
    const sources = await sourcesOf(plan, device);
    for (const manifest of [...fetched.manifests].reverse()) {
      const opened = await openFetched(link, manifest, { plan, device, sources, hashes: true });
      try {
        prepareSizes(opened.shard);
        const found = await use({ version: String(manifest.calls), plan: plan.plan, ...opened }, manifest === newest);
        if (found !== undefined) return found;
      } finally {
        await opened.shard.close();
      }
    }
    return undefined;
  } finally {
    link.close();
  }
}

interface Opening {
  readonly plan: VerifiedPlan;
  readonly device: Device;
  readonly sources: readonly ShardSource[];
  readonly hashes: boolean;
}

/** By way of the disk, one part of the snapshot after the other: of its states only parameters come into memory. */
async function openFetched(
  link: Link,
  { parts }: FetchedRun['manifests'][number],
  { plan: { programs }, device, sources, hashes }: Opening,
): Promise<Pick<Loaded, 'shard' | 'weights'>> {
  const folder = ownPath(cacheFolder());
  makePrivateFolder(folder);
  const { states, remove } = await fetchParts(link, parts, programs, folder);
  try {
    // Each shard's own tiles are there under their own names.
    const tensors = states.flatMap(({ parameters }) => parameters);
    const shard = await openShards(device, sources, () => ({ tensors }));
    return { shard, ...(hashes ? { weights: weightsHash(wholeParameters(states, programs)) } : {}) };
  } finally {
    remove();
  }
}

function sourcesOf(plan: VerifiedPlan, device: Device): Promise<ShardSource[]> {
  const sized = allSizes(plan);
  return executablesOf('the plan', sized.loaded, device, sized);
}

async function newestRun(link: Link): Promise<string> {
  const { runs } = await askStatus(link);
  const found = runs.filter((r) => r.snapshot !== null).at(-1);
  if (found) return found.run;
  throw new UserError(
    'mesh/no-snapshot',
    'no run of the mesh has a snapshot yet',
    `to see when there is one: ${nmc`status`}`,
  );
}
