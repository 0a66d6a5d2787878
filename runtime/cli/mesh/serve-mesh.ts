/** The predictor of a mesh: plan and weights of a run's newest snapshot, followed as it is trained. */
import type { Device } from '../../device/device.ts';
import { askStatus } from '../../net/ask-status.ts';
import type { Link } from '../../net/link.ts';
import type { VerifiedPlan } from '../../plan/verify-plan.ts';
import type { PredictorSource } from '../../serve/predictor.ts';
import type { Shard } from '../../shard/shard.ts';
import { openShards, type ShardSource } from '../../shard/shards.ts';
import { cacheFolder } from '../../support/cache-folder.ts';
import { nmc } from '../../support/command-text.ts';
import { UserError } from '../../support/errors.ts';
import { makePrivateFolder } from '../../support/safe-files.ts';
import { ownPath } from '../../support/safe-path.ts';
import { executablesOf } from '../compiling/plan-executables.ts';
import { allSizes, prepareSizes } from '../compiling/sized-functions.ts';
import { commandDevice } from '../shell/command-device.ts';
import { askRun, type FetchedRun, newestManifest } from './fetch-run.ts';
import { fetchParts } from './fetched-parts.ts';
import { fetchPlanFiles } from './fetched-plan.ts';
import { openMesh, wentAway } from './mesh-link.ts';
import type { ReachArguments } from './options.ts';

/** @param run its name; the newest one with a snapshot where it is not said */
export async function meshSource(
  args: ReachArguments,
  run: string | undefined,
  deviceName: string,
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
        const shard = await openFetched(l, fetched, plan, device, sources);
        prepareSizes(shard);
        return { version: String(fetched.manifests.at(-1)?.calls ?? 0), plan: plan.plan, shard };
      }),
  };
}

/** By way of the disk, one part of the snapshot after the other: of its states only parameters come into memory. */
async function openFetched(
  link: Link,
  run: FetchedRun,
  { programs }: VerifiedPlan,
  device: Device,
  sources: readonly ShardSource[],
): Promise<Shard> {
  const folder = ownPath(cacheFolder());
  makePrivateFolder(folder);
  const { states, remove } = await fetchParts(link, newestManifest(run).parts, programs, folder);
  try {
    // Each shard's own tiles are there under their own names.
    const tensors = states.flatMap(({ parameters }) => parameters);
    return await openShards(device, sources, () => ({ tensors }));
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
