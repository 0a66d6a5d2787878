/** A trainer's part in the measuring of its link: while it is idle it asks what the gateway wants, and sends it. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_PROBE_BYTES, probePieces } from '../wire/link-estimate.ts';
import { encodeProbe } from '../wire/routing.ts';
import { ask } from './ask.ts';
import type { Link } from './link.ts';

const LOOK_EVERY_MS = 1000;
/** Trains one after the other; further probes wait, since a volunteer's link is not the gateway's. */
const MAX_TRAINS = 10;
const REST_MS = 60_000;
/** A process that has just begun is busy: its times are not those of the link. */
const CALM = { look: 50, late: 8, looks: 60 };

export interface ProbedBy {
  readonly link: Pick<Link, 'ask' | 'sendBorder'>;
  /** No shard is here that a probe could disturb. */
  readonly idle: () => boolean;
  /** The connection has ended. */
  readonly ended: () => boolean;
}

/** Until the connection ends. */
export async function answerProbes({ link, idle, ended }: ProbedBy): Promise<void> {
  const filling = randomBytes(64 * 1024);
  let trains = 0;
  await calm();
  while (!ended()) {
    if (!idle()) {
      await sleep(LOOK_EVERY_MS, undefined, { ref: false });
      continue;
    }
    const { bytes, again } = await ask(link, { what: 'probe' });
    const wanted = bytes > 0 && bytes <= MAX_PROBE_BYTES && trains < MAX_TRAINS;
    if (wanted) {
      trains++;
      for (const piece of probePieces(bytes)) link.sendBorder(encodeProbe(filling.subarray(0, piece)));
    } else {
      trains = 0;
      await sleep(bytes > 0 ? REST_MS : Math.min(3_600_000, Math.max(100, again)), undefined, { ref: false });
    }
  }
}

/** Until a timer comes in time three times, or a while has passed. */
export async function calm(): Promise<void> {
  let inTime = 0;
  for (let i = 0; i < CALM.looks && inTime < 3; i++) {
    const began = performance.now();
    await sleep(CALM.look, undefined, { ref: false });
    inTime = performance.now() - began <= CALM.look + CALM.late ? inTime + 1 : 0;
  }
}
