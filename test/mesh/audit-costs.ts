/**
 * What commitments and audits cost, in the time of processors: one network is trained in two shards, in a mesh in virtual
 * time that does all work in this process, without records, with them, and with every stretch done again.
 */
import { lowerEachToCpu } from '../../compiler/7-kernels/onnx/shards.ts';
import { planBytes } from '../../compiler/8-plan/build.ts';
import { buildProgram } from '../../compiler/compile.ts';
import { referenceModel } from '../../runtime/cli/measuring/reference-networks.ts';
import { ratedShards } from '../../runtime/cli/mesh/deploy-placement.ts';
import { placementNeeds } from '../../runtime/cli/planning/placement-needs.ts';
import { verifyForeign } from '../../runtime/cli/planning/verify-foreign.ts';
import { openHere } from '../../runtime/device/cpu/here.ts';
import type { Device } from '../../runtime/device/device.ts';
import { planInMemory } from '../../runtime/plan/plan-memory.ts';
import { verifyPlan } from '../../runtime/plan/verify-plan.ts';
import { stretchesOf } from '../../runtime/roles/stretch-length.ts';
import { makeTemporaryFolder, removeAll } from '../../runtime/support/safe-files.ts';
import { builtPlan } from '../support/built-plans.ts';
import { checked } from '../support/check-source.ts';
import { normalData } from '../support/filled-data.ts';
import { trainHosted } from './hosted.ts';

export interface AuditCosts {
  /** Batches of a stretch, as a deployment has them. */
  readonly stretch: number;
  /** Seconds of processors for the training alone, and what is added to it by records and seals. */
  readonly work: number;
  readonly commitments: number;
  /** By doing all of it again: on the same class of device, and on another one. */
  readonly same: number;
  readonly other: number;
}

export interface CostedNetwork {
  readonly widths: readonly number[];
  readonly batch: number;
  readonly ticks: number;
  readonly batches: number;
}

interface Spent {
  /** Of processors. */
  readonly seconds: number;
  /** Share of all calls of all shards. */
  readonly audited: number;
}

const SHARDS = 2;
const ROUNDS = 3;

export async function auditCosts({ widths, batch, ticks, batches }: CostedNetwork): Promise<AuditCosts> {
  const text = referenceModel({ widths, batch, ticks }, 'il').replace(
    /optimizer = .*/,
    'optimizer = learn.adam(rate = 0.001)',
  );
  const all = checked(text);
  const [task] = all.trains;
  if (!task) throw new Error('the model trains nothing');
  const staged = buildProgram({ checked: all, model: task.model, task, predicts: all.predicts });
  const plan = builtPlan(staged, { shards: SHARDS });
  const lowered = lowerEachToCpu((plan.shards ?? []).map(({ program }) => program));
  const files = (shard: number) => new Map(lowered(shard).map(({ name, bytes }) => [name, bytes]));
  const verified = verifyPlan(
    planInMemory('the plan', new Map([['plan.json', planBytes(plan.plan)] as const, ...plan.files])),
    verifyForeign,
  );
  const stretches = stretchesOf(placementNeeds(ratedShards(verified), 'f32').needs, []);
  const train = normalData('reference', batch * batches, { x: widths[0] ?? 0, y: widths.at(-1) ?? 0 });
  const common = {
    plan,
    files,
    train,
    checks: [],
    trainers: SHARDS,
    epochs: 1,
    seed: 1,
    snapshotEvery: batches,
  } as const;
  const once = async (more: Partial<Parameters<typeof trainHosted>[0]>): Promise<Spent> => {
    const records = makeTemporaryFolder('nmc-costs-');
    const began = process.cpuUsage();
    try {
      const own = more.stretches ? { records } : {};
      const { run, verdicts } = await trainHosted({ ...common, device: () => onOneThread(), ...own, ...more });
      if (run?.phase !== 'done') throw new Error(`the training is ${run?.phase}`);
      const { user, system } = process.cpuUsage(began);
      // A last stretch may have been sealed too late: then it is in no audit.
      const audited = verdicts.reduce((sum, { from, to }) => sum + to - from, 0) / (SHARDS * batches);
      return { seconds: (user + system) / 1e6, audited };
    } finally {
      removeAll(records);
    }
  };
  const everything = { stretches, audits: true, limits: { auditRate: 1 } } as const;
  /** The least of some: what else the machine does makes it more. */
  const least = async (more: Partial<Parameters<typeof trainHosted>[0]>): Promise<Spent> => {
    const all: Spent[] = [];
    for (let round = 0; round < ROUNDS; round++) all.push(await once(more));
    return all.reduce((a, b) => (b.seconds < a.seconds ? b : a));
  };
  const { seconds: work } = await least({});
  const { seconds: kept } = await least({ stretches });
  const beyond = ({ seconds, audited }: Spent): number => (seconds - kept) / audited;
  const same = beyond(await least({ ...everything, auditor: onOneThread() }));
  const other = beyond(await least({ ...everything, auditor: { ...onOneThread(), description: 'another class' } }));
  return { stretch: stretches.batches, work, commitments: kept - work, same, other };
}

function onOneThread(): Device {
  return { name: 'cpu', description: 'ONNX Runtime, 1 thread', open: async (executable) => openHere(executable, 1) };
}
