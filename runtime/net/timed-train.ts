/** How fast a train of bytes goes out, by the answers to what goes before it and behind it. */
import { estimateBetween, probePieces, type RateEstimate } from '../wire/link-estimate.ts';

export interface Train {
  /** @returns when the other end has had all that went out before; nothing: it does not answer */
  readonly before: () => Promise<number | undefined>;
  readonly send: (bytes: number) => void;
  readonly behind: () => Promise<number | undefined>;
}

/** @returns nothing where the other end does not answer */
export async function timedTrain(bytes: number, { before, send, behind }: Train): Promise<RateEstimate | undefined> {
  const first = before();
  for (const piece of probePieces(bytes)) send(piece);
  const [began, ended] = await Promise.all([first, behind()]);
  return began === undefined || ended === undefined ? undefined : estimateBetween(bytes, began, ended);
}
