/** Trainers that were asked to do a stretch of another one again: what they say, or that nothing comes. */
import type { AuditOrder, Outputs } from '../wire/audit-messages.ts';
import type { Message } from '../wire/messages.ts';

export interface AskedAuditorsOptions {
  /** @returns whether the trainer is connected */
  readonly send: (to: string, message: Message) => boolean;
  /** Milliseconds that an auditor has: behind them the synchronizer does it itself. */
  readonly patience?: number;
}

const PATIENCE_MS = 300_000;

interface Pending {
  readonly auditor: string;
  readonly settle: (said: Outputs | undefined) => void;
}

export class AskedAuditors {
  readonly #options: AskedAuditorsOptions;
  /** By auditor and stretch. */
  readonly #pending = new Map<string, Pending>();

  constructor(options: AskedAuditorsOptions) {
    this.#options = options;
  }

  /** @returns what it says; nothing where it is not there, or does not answer in time */
  ask(auditor: string, order: AuditOrder): Promise<Outputs | undefined> {
    const { send, patience = PATIENCE_MS } = this.#options;
    const shards = order.shards.map(({ ticket }) => ticket.shard);
    const name = nameOf(auditor, { ...order, shards });
    return new Promise((resolve) => {
      const settle = (said: Outputs | undefined): void => {
        clearTimeout(timer);
        this.#pending.delete(name);
        resolve(said);
      };
      const timer = setTimeout(() => settle(undefined), patience).unref();
      // Asked again behind a restart of the run: the first one is of no use any more.
      this.#pending.get(name)?.settle(undefined);
      this.#pending.set(name, { auditor, settle });
      if (!send(auditor, order)) settle(undefined);
    });
  }

  heard(from: string, said: Outputs): void {
    this.#pending.get(nameOf(from, said))?.settle(said);
  }

  /** It is not connected any more. */
  gone(key: string): void {
    for (const { auditor, settle } of this.#pending.values()) if (auditor === key) settle(undefined);
  }
}

function nameOf(
  auditor: string,
  { run, term, from, shards }: Pick<Outputs, 'run' | 'term' | 'from' | 'shards'>,
): string {
  return JSON.stringify([auditor, run, term, from, shards]);
}
