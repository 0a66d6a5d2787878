/** What trainers that only say that they are there cost synchronizers, and the server of NATS between them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseInvite } from '../../../runtime/cli/mesh/invite-argument.ts';
import { HEARTBEAT_MS } from '../../../runtime/roles/liveness.ts';
import { waitUntil } from '../../support/wait-for.ts';
import { LightTrainers } from '../mesh/light-trainers.ts';
import { RunningNatsMesh } from '../mesh/nats-mesh.ts';
import type { Context, Row } from '../row.ts';

/**
 * Synchronizers, and how many trainers they have one after the other. All come from one address, which a gateway lets have
 * 1,024 connections: two for each trainer, and some for those that ask.
 */
const SETTINGS: readonly (readonly [number, readonly number[]])[] = [
  [1, [250, 400]],
  [2, [400]],
  [3, [250, 400, 1000]],
];
const SECONDS = 20;
const MOST = 0.5;
/** Of the signs of life that are due: fewer say that trainers or synchronizers were short of processors. */
const LEAST_BEATS = 0.8;
const HEAD = ['synchronizers', 'trainers', 'the busiest', 'each other', 'nats-server', 'heard', 'signs of life'];

interface Load {
  readonly synchronizers: number;
  readonly trainers: number;
  /** Of a processor: the one that has most to do. */
  readonly most: number;
  readonly others: readonly number[];
  readonly server: number;
  /** Trainers that count as present behind it. */
  readonly heard: number;
  /** A second, answered. */
  readonly beats: number;
}

export async function load(context: Context): Promise<readonly Row[]> {
  const found: Load[] = [];
  for (const [synchronizers, counts] of context.trial ? [[3, [9, 60]] as const] : SETTINGS)
    found.push(...(await loadsOf(context, synchronizers, counts)));
  context.table({ name: 'nats-load', head: HEAD, rows: found.map(cellsOf) });
  const last = found.at(-1);
  if (!last) throw new Error('nothing was measured');
  return [
    {
      name: 'nats-load',
      what: `control messages of ${last.trainers} trainers over ${last.synchronizers} synchronizers, idle`,
      target: `<= ${100 * MOST} % of a core each, all heard`,
      measured: cellsOf(last).slice(2).join(', '),
      ...(context.trial ? {} : { holds: last.most <= MOST && isWhole(last) }),
    },
  ];
}

async function loadsOf(context: Context, synchronizers: number, counts: readonly number[]): Promise<Load[]> {
  const mesh = new RunningNatsMesh(context.root, `nats-load-${synchronizers}`);
  const trainers = new LightTrainers();
  const found: Load[] = [];
  try {
    await mesh.up(0, 0, synchronizers);
    const [{ invite } = {}] = await mesh.json('keys', 'invite', '--uses', String(Math.max(...counts)));
    for (const count of counts) {
      context.progress(`${count} trainers join ${synchronizers} synchronizers`);
      const addresses = mesh.gateways.map(({ address }) => address);
      await trainers.join(count - trainers.count, addresses, parseInvite(String(invite)));
      await waitUntil(
        'all trainers',
        async () => {
          const there = await mesh.members();
          context.progress(`  ${there} are there`);
          return there === count;
        },
        { within: 300_000, every: 5000 },
      );
      const load = await loadOf(mesh, trainers);
      context.progress(cellsOf(load).join(', '));
      found.push(load);
    }
    return found;
  } finally {
    trainers.end();
    await mesh.down();
  }
}

async function loadOf(mesh: RunningNatsMesh, trainers: LightTrainers): Promise<Load> {
  const [began, before, beats] = [performance.now(), mesh.used(), trainers.beats];
  await sleep(SECONDS * 1000);
  const [ended, after] = [performance.now(), mesh.used()];
  const seconds = (ended - began) / 1000;
  const shares = after.synchronizers.map((used, i) => (used - (before.synchronizers[i] ?? 0)) / seconds);
  const [most = 0, ...others] = shares.sort((a, b) => b - a);
  const server = (after.server - before.server) / seconds;
  return {
    ...{ synchronizers: shares.length, trainers: trainers.count, most, others, server },
    beats: (trainers.beats - beats) / seconds,
    heard: await mesh.members(),
  };
}

/** All trainers were there, and as busy as they are where nothing is short of processors. */
function isWhole({ trainers, heard, beats }: Load): boolean {
  return heard === trainers && beats >= (LEAST_BEATS * trainers * 1000) / HEARTBEAT_MS;
}

function cellsOf({ synchronizers, trainers, most, others, server, heard, beats }: Load): string[] {
  const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
  const each = others.length === 0 ? 'none' : others.map(percent).join(', ');
  return [
    String(synchronizers),
    String(trainers),
    percent(most),
    each,
    percent(server),
    String(heard),
    `${beats.toFixed(0)}/s`,
  ];
}
