/** The ways of borders between the trainers of a placement, and how each was measured. */
import { placeOf } from '../../roles/batch-time.ts';
import { wayBetween } from '../../roles/border-way.ts';
import { formatRate, formatRoundTrip } from '../../support/parse-rate.ts';
import { printed } from '../../support/printable.ts';
import { type RatedTrainer, wayEnd } from '../planning/predict-rate.ts';
import type { RatedShard } from '../planning/rated-shard.ts';

export interface PlacedBorder {
  /** Names of trainers. */
  readonly from: string;
  readonly to: string;
  /** `direct`: measured between the two; `links`: over the link of each to the mesh, since no direct way was measured. */
  readonly way: 'direct' | 'links';
  /** Bytes a second; null: no known bound. */
  readonly rate: number | null;
  /** Milliseconds there and back. */
  readonly roundTrip: number;
}

/** In each direction once; none within one place, which has no link. @param owners keys by shard */
export function placedBorders(
  shards: readonly Pick<RatedShard, 'schedule'>[],
  owners: readonly string[],
  trainers: readonly RatedTrainer[],
): PlacedBorder[] {
  const at = new Map(shards.map(({ schedule }, i) => [schedule.shard, trainers.find((t) => t.key === owners[i])]));
  const found = new Map<string, PlacedBorder>();
  const messages = shards.flatMap(({ schedule }) => schedule.messages);
  for (const { from, to } of messages.sort((a, b) => a.from - b.from || a.to - b.to)) {
    const [one, other] = [at.get(from), at.get(to)];
    if (!one || !other || placeOf(one.capability) === placeOf(other.capability)) continue;
    const { upload, download, delay } = wayBetween(wayEnd(one), wayEnd(other));
    const bounds = [upload, download].filter((bound) => bound > 0);
    found.set(`${one.key} ${other.key}`, {
      ...{ from: one.name, to: other.name },
      way: one.borders?.some(({ key }) => key === other.key) ? 'direct' : 'links',
      rate: bounds.length > 0 ? Math.min(...bounds) : null,
      roundTrip: 2000 * delay,
    });
  }
  return [...found.values()];
}

/** The slowest are what a run waits for. */
const MAX_SHOWN = 8;

export function bordersText(borders: readonly PlacedBorder[]): string {
  const speed = ({ rate }: PlacedBorder): number => rate ?? Number.POSITIVE_INFINITY;
  const slowest = [...borders].sort((a, b) => (speed(a) < speed(b) ? -1 : speed(a) > speed(b) ? 1 : 0));
  const shown = borders.filter((border) => slowest.indexOf(border) < MAX_SHOWN);
  const rest = borders.length - shown.length;
  const lines = shown
    .map(({ from, to, way, rate, roundTrip }, i) => {
      const head = i === 0 ? 'borders  ' : '         ';
      const fast = rate === null ? 'speed not known' : formatRate(rate);
      const how = way === 'direct' ? 'directly, as measured between them' : 'as over their links to the mesh';
      return printed`${head}${from} to ${to}: ${fast}, round trip ${formatRoundTrip(roundTrip)}, ${how}\n`;
    })
    .join('');
  return rest > 0 ? `${lines}         and ${rest} faster ones\n` : lines;
}
