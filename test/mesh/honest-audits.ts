/**
 * Audits of honest work: small networks really train in a mesh in virtual time, on some device, with some numbers on
 * their borders, in some schedule, with trainers that die and come back and packets that are lost; every stretch is drawn.
 */
import { lowerEachToCpu } from '../../compiler/7-kernels/onnx/shards.ts';
import { kernelFiles, lowerToWgsl } from '../../compiler/7-kernels/wgsl/lower.ts';
import type { BuiltPlan } from '../../compiler/8-plan/build.ts';
import { openHere } from '../../runtime/device/cpu/here.ts';
import type { Device, DeviceSession } from '../../runtime/device/device.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import { openSession as openGpuSession } from '../../runtime/device/webgpu/session.ts';
import { makeTemporaryFolder, removeAll } from '../../runtime/support/safe-files.ts';
import type { Verdict } from '../../runtime/wire/audit-verdict.ts';
import { type BorderCodec, isPacked } from '../../runtime/wire/codec.ts';
import type { Program } from '../../spec/program.ts';
import { softwareGpu } from '../support/webgpu.ts';
import { freePlanOf, planOf, points } from './chain-model.ts';
import { type HostedResult, trainHosted } from './hosted.ts';
import type { AuditedEvent } from './hosted-options.ts';

/** `swiftshader`: the WebGPU device on a driver that is a program. */
export const DEVICES = ['reference', 'cpu 1', 'cpu 2', 'swiftshader'] as const;
export const CODECS = ['f32', 'f16'] as const satisfies readonly BorderCodec[];
export const SCHEDULES = ['lockstep', 'pipelined', 'ahead', 'async'] as const;

/** What is trained how. */
export interface HonestCell {
  /** Of the trainers, and of those that do each of their stretches again from the same records. */
  readonly device: (typeof DEVICES)[number];
  readonly auditors: readonly (typeof DEVICES)[number][];
  readonly codec: BorderCodec;
  readonly schedule: (typeof SCHEDULES)[number];
  /** A trainer dies and comes back, another one dies for good, and packets are lost. */
  readonly disturbed: boolean;
}

export interface HonestCounts extends Readonly<Record<Verdict, number>> {
  readonly audits: number;
  /** Keys that a verdict has cost anything, and shards that were taken from one. */
  readonly punished: number;
  /** Reasons why nothing was compared, each once. */
  readonly why: readonly string[];
}

/** Of packets on borders. */
const LOSS = 0.01;
const [SHARDS, TRAINERS] = [3, 5];
/** Of schedule `async`. */
const STALENESS = 2;
const EVERYTHING = { auditRate: 1 };

export function cellName({ device, auditors, codec, schedule, disturbed }: HonestCell): string {
  return `${device} by ${auditors.join(' and ')}, ${codec}, ${schedule}${disturbed ? ', disturbed' : ''}`;
}

/** All of them, those that differ most first. */
export function honestCells(devices: readonly Pick<HonestCell, 'device' | 'auditors'>[]): HonestCell[] {
  return [true, false].flatMap((disturbed) =>
    SCHEDULES.flatMap((schedule) =>
      CODECS.flatMap((codec) => devices.map((of) => ({ ...of, codec, schedule, disturbed }))),
    ),
  );
}

/**
 * @param epochs of 7 batches and an evaluation: 7 stretches of each of 3 shards, or more where a term ends
 * @param batches of a stretch
 * @returns of each auditor
 */
export async function honestAudits(
  cell: HonestCell,
  seed: number,
  epochs: number,
  batches = 1,
): Promise<HonestCounts[]> {
  const undisturbed = { ...cell, disturbed: false };
  if (!cell.disturbed) return countsOf(await trained(undisturbed, seed, { epochs, batches }));
  const milliseconds = await epochLength(cell, batches);
  const at = (share: number): number => Math.round(share * milliseconds * epochs);
  const first = (0.1 + 0.05 * (seed % 8)) as number;
  const kills = [
    { at: at(first), trainer: seed % TRAINERS, back: at(first) + 3000 },
    { at: at(first + 0.3), trainer: (seed + 1) % TRAINERS },
  ];
  return countsOf(await trained(cell, seed, { epochs, batches }, kills));
}

const epochLengths = new Map<string, number>();

/** Virtual milliseconds of an epoch that nothing disturbs: no device and no auditor makes it longer. */
async function epochLength(cell: HonestCell, batches: number): Promise<number> {
  const simple: HonestCell = { ...cell, device: 'reference', auditors: ['reference'], disturbed: false };
  const name = `${cellName(simple)}, ${batches}`;
  const length = epochLengths.get(name) ?? (await trained(simple, 1, { epochs: 1, batches })).milliseconds;
  epochLengths.set(name, length);
  return length;
}

interface Trained extends HostedResult {
  /** Of each auditor but the first: what it has found, by stretch and trainer. */
  readonly others: readonly ReadonlyMap<string, AuditedEvent>[];
}

type Kills = NonNullable<Parameters<typeof trainHosted>[0]['kills']>;

interface Length {
  readonly epochs: number;
  readonly batches: number;
}

async function trained(
  cell: HonestCell,
  seed: number,
  { epochs, batches }: Length,
  kills: Kills = [],
): Promise<Trained> {
  const { plan, files } = planOfCell(cell);
  const folder = makeTemporaryFolder('nmc-audits-');
  try {
    const [first, ...auditors] = cell.auditors;
    const others = auditors.map(() => new Map<string, AuditedEvent>());
    const result = await trainHosted({
      ...{ plan, files, train: points, checks: [points], epochs, seed, kills, codec: cell.codec },
      ...{ trainers: TRAINERS, snapshotEvery: 5, stretches: { batches, bytes: 2 ** 30, keep: 2 ** 30 } },
      ...{ records: folder, audits: true, limits: EVERYTHING, loss: cell.disturbed ? LOSS : 0 },
      ...{ device: () => deviceOf(cell.device), auditor: deviceOf(first ?? cell.device) },
      alsoBy: {
        devices: auditors.map(deviceOf),
        found: (i, event) => others[i]?.set(auditName(event), event),
      },
    });
    return { ...result, others };
  } finally {
    removeAll(folder);
  }
}

function auditName({ term, from, trainer }: Pick<AuditedEvent, 'term' | 'from' | 'trainer'>): string {
  return `${term}/${from}/${trainer}`;
}

function countsOf({ verdicts, revoked, run, log, others }: Trained): HonestCounts[] {
  // Of a trainer's shards there is one audit, and a verdict for each.
  const audits = new Map(
    verdicts.flatMap((v) => (v.verdict === 'unsealed' ? [] : [[auditName(v), v.verdict] as const])),
  );
  const excluded = new Set([...revoked, ...(run?.excluded ?? [])]);
  const why = log.flatMap((event) => (event.event === 'audit' && typeof event.why === 'string' ? [event.why] : []));
  return [
    counted([...audits.values()], why, excluded.size),
    ...others.map((found) => {
      const events = [...found.values()];
      const reasons = events.flatMap((event) => event.why ?? []);
      return counted(
        events.map(({ verdict }) => verdict),
        reasons,
        0,
      );
    }),
  ];
}

function counted(verdicts: readonly AuditedEvent['verdict'][], why: readonly string[], excluded: number): HonestCounts {
  const of = (verdict: Verdict): number => verdicts.filter((v) => v === verdict).length;
  const [mismatch, undelivered] = [of('mismatch'), of('undelivered')];
  return {
    ...{ audits: verdicts.length, match: of('match'), mismatch, undelivered, inconclusive: of('inconclusive') },
    punished: Math.max(mismatch + undelivered, excluded),
    why: [...new Set(why)],
  };
}

interface Compiled {
  readonly plan: BuiltPlan;
  readonly files: (shard: number) => ReadonlyMap<string, Uint8Array>;
}

const plans = new Map<string, Compiled>();

function planOfCell({ schedule, codec }: HonestCell): Compiled {
  const isWide = isPacked(codec);
  const name = `${schedule}${isWide ? ', wide' : ''}`;
  const known = plans.get(name);
  if (known) return known;
  const plan =
    schedule === 'async'
      ? freePlanOf(SHARDS, STALENESS)
      : planOf(SHARDS, schedule === 'ahead' ? 1 : 0, schedule === 'lockstep' ? 1 : 2, isWide);
  const lowered = lowerEachToCpu((plan.shards ?? []).map(({ program }) => program));
  const files = (shard: number) => new Map(lowered(shard).map(({ name, bytes }) => [name, bytes]));
  const compiled = { plan, files };
  plans.set(name, compiled);
  return compiled;
}

const kernels = new WeakMap<Program, ReturnType<typeof kernelFiles>>();
/** The first of each program, with all pipelines: the driver makes no machine code again of what somebody holds. */
const held = new WeakMap<Program, DeviceSession>();

async function openSoftware(program: Program): Promise<DeviceSession> {
  const files = kernels.get(program) ?? kernelFiles(lowerToWgsl(program));
  kernels.set(program, files);
  const session = await openGpuSession(await softwareGpu(), files);
  if (!held.has(program)) {
    held.set(program, session);
    for (const { name } of program.functions) session.prepare(name);
  }
  return session;
}

function deviceOf(name: HonestCell['device']): Device {
  if (name === 'reference') return referenceDevice;
  if (name === 'swiftshader') {
    return { name: 'webgpu', description: 'SwiftShader', open: ({ program }) => openSoftware(program) };
  }
  const threads = name === 'cpu 1' ? 1 : 2;
  const description = `ONNX Runtime, ${threads} thread${threads === 1 ? '' : 's'}`;
  return { name: 'cpu', description, open: async (executable) => openHere(executable, threads) };
}
