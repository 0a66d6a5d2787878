/** The status of a mesh, whole, from its pages; what another process says of itself is held to what is shown of it. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { EnvironmentError } from '../support/errors.ts';
import type { Link } from './link.ts';
import type { MeshStatus, RunStatus, ShardStatus } from './mesh-status.ts';

/** Of one status: more than any mesh has, and an end where somebody goes on for ever. */
const MAX_PAGES = 256;

/** @throws EnvironmentError `mesh/answer` where that is no status; as `ask` does */
export async function askStatus(link: Pick<Link, 'ask'>): Promise<MeshStatus> {
  const first = pageOf(await link.ask({ what: 'status' }));
  let [page, pages] = [first, 1];
  const runs = new Map(first.runs.map((run) => [run.run, run]));
  const trainers = new Map(first.trainers.map((trainer) => [trainer.key, trainer]));
  while (page.next !== undefined && pages++ < MAX_PAGES) {
    const from = page.next;
    page = pageOf(await link.ask({ what: 'status', from }));
    for (const run of page.runs) runs.set(run.run, joined(runs.get(run.run), run));
    for (const trainer of page.trainers) trainers.set(trainer.key, trainer);
    if (page.next !== undefined && page.next <= from) break;
  }
  const { next: _next, ...rest } = first;
  return { ...rest, runs: [...runs.values()], trainers: [...trainers.values()], more: page.more };
}

/** Things move between two pages: a shard is as it was told last. */
function joined(before: RunStatus | undefined, run: RunStatus): RunStatus {
  if (!before) return run;
  const shards = new Map<number, ShardStatus>([...before.shards, ...run.shards].map((s) => [s.shard, s]));
  return { ...run, shards: [...shards.values()] };
}

let validate: ((value: unknown) => boolean) | undefined;

function pageOf(answer: unknown): MeshStatus {
  validate ??= new Ajv2020({ strict: false }).compile(PAGE);
  if (validate(answer)) return answer as MeshStatus;
  throw new EnvironmentError('mesh/answer', 'the answer is not the status of a mesh', 'is it the mesh you mean?');
}

const text = { type: 'string' };
const number = { type: 'number' };
const numberOrNull = { type: ['number', 'null'] };
const object = (properties: Readonly<Record<string, object>>, required = Object.keys(properties)): object => ({
  type: 'object',
  required,
  properties,
});
const list = (items: object): object => ({ type: 'array', items });
const SHARD = object({
  shard: number,
  state: text,
  trainer: { type: ['string', 'null'] },
  batch: number,
  ticksPerSecond: number,
  busy: number,
  bytesSent: number,
  bytesReceived: number,
  borders: number,
  direct: number,
  reason: text,
  limit: text,
});
const RUN = object({
  run: text,
  model: text,
  task: text,
  state: text,
  reason: text,
  epoch: number,
  epochs: number,
  schedule: text,
  microbatches: number,
  ahead: number,
  ownersEpoch: number,
  energy: numberOrNull,
  accuracy: numberOrNull,
  samplesPerSecond: numberOrNull,
  snapshotAge: numberOrNull,
  snapshot: numberOrNull,
  shards: list(SHARD),
});
const TRAINER = object({
  name: text,
  key: text,
  state: text,
  pid: numberOrNull,
  refused: number,
  capability: object({ cores: number, memory: number, rate: number, machine: text }),
});
const PAGE = object(
  {
    runs: list(RUN),
    trainers: list(TRAINER),
    refused: { type: 'object', additionalProperties: number },
    relayedBytes: number,
    more: number,
    next: { type: 'integer', minimum: 0 },
  },
  ['runs', 'trainers', 'refused', 'relayedBytes', 'more'],
);
