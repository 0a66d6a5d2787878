/** The ledger of a virtual mesh: what its synchronizer keeps becomes entries, by the rules and the reducer of the product. */

import { KEPT_COMMIT, nextPending } from '../../runtime/ledger/commits.ts';
import { nextDue } from '../../runtime/ledger/due.ts';
import { type LedgerEntry, type NewEntry, SEGMENT } from '../../runtime/ledger/entry.ts';
import { emptyLedger, entryProblem, nextSeal, reduce } from '../../runtime/ledger/reduce.ts';
import { runEntryOf } from '../../runtime/ledger/run-work.ts';
import { signSeal } from '../../runtime/ledger/signed.ts';
import { windowFor } from '../../runtime/ledger/window.ts';
import { isUnderWay } from '../../runtime/roles/audit-terms.ts';
import type { RunState, SynchronizerEffect } from '../../runtime/roles/synchronizer-state.ts';
import { follows } from '../../runtime/support/shape.ts';
import { allCalls } from '../../runtime/training/calls.ts';
import type { Deployment } from '../../runtime/wire/deployment.ts';
import { keyOf, MESH } from '../support/ledger.ts';

/** Of a call of one shard. */
const TOKENS = 1000;

/** In calls of a shard. */
export interface Paid {
  readonly granted: number;
  readonly withheld: number;
}

export class MeshLedger {
  readonly #state = emptyLedger();
  readonly #deployment: Deployment;
  readonly #withheld = new Map<string, number>();
  /** By trainer: what it has committed, `TERM/CALLS`, several shards of a stretch once. */
  readonly stretches = new Map<number, string[]>();
  #audits: RunState | undefined;
  #news = false;

  /** @param rate of audits, from which the window follows */
  constructor(deployment: Deployment, rate: number) {
    this.#deployment = deployment;
    this.#add({ type: 'opened', mesh: keyOf(MESH), window: windowFor(rate) });
    this.#add(runEntryOf(deployment, '0'.repeat(64)));
    const tokens = TOKENS * allCalls(deployment) * deployment.shards;
    const { run } = deployment;
    this.#add({ type: 'emission', run, tokens, by: keyOf(MESH), id: '0'.repeat(32), sig: '0'.repeat(128) });
  }

  hear(effect: SynchronizerEffect): void {
    if (effect.kind === 'keep' && follows(KEPT_COMMIT, effect.value)) this.#committed(effect.value);
    if (effect.kind === 'verdict') this.#offer({ type: 'audited', ...effect.verdict });
    if (effect.kind === 'revoke') {
      const word = { run: effect.run, reason: effect.reason, at: 0, sig: '0'.repeat(128) };
      this.#offer({ type: 'excluded', trainer: effect.key, reason: 'word', word });
    }
  }

  /** Writes what is due. @param run as its synchronizer has it: which audits are open */
  settle(run: RunState | undefined): void {
    this.#audits = run;
    if (!this.#news) return;
    this.#news = false;
    const open = { isUnderWay: (stretch: Parameters<typeof isUnderWay>[1]) => isUnderWay(this.#audits, stretch) };
    for (let due = nextDue(this.#state, open); due; due = nextDue(this.#state, open)) this.#add(due);
  }

  /** The run and its audits are over. */
  end(): void {
    this.#offer({ type: 'ended', run: this.#deployment.run });
    this.settle(undefined);
  }

  paidTo(node: number): Paid {
    const key = `node-${node}`;
    const account = this.#state.accounts.get(key);
    return { granted: Number(account?.earned ?? 0n) / TOKENS, withheld: this.#withheld.get(key) ?? 0 };
  }

  #committed(kept: Parameters<typeof nextPending>[3]): void {
    const { run } = this.#deployment;
    const nextBehind = (calls: number) => nextPending(this.#state, run, this.#deployment, kept, calls);
    for (let next = nextBehind(0); next; next = nextBehind(next.to)) {
      if (!this.#offer(next)) continue;
      const node = Number(next.trainer.slice('node-'.length));
      const known = this.stretches.get(node) ?? [];
      const name = `${next.term}/${next.to}`;
      if (!known.includes(name)) this.stretches.set(node, [...known, name]);
    }
  }

  #offer(entry: NewEntry): boolean {
    if (entryProblem(this.#state, { ...entry, at: 0 } as LedgerEntry) !== undefined) return false;
    this.#add(entry);
    return true;
  }

  #add(entry: NewEntry): void {
    if (this.#state.unsealed >= SEGMENT - 1 && entry.type !== 'sealed')
      this.#add({ type: 'sealed', ...signSeal(nextSeal(this.#state), MESH) });
    if (entry.type === 'withheld')
      this.#withheld.set(entry.trainer, (this.#withheld.get(entry.trainer) ?? 0) + this.#callsOf(entry));
    const [sequence, hash] = [this.#state.sequence + 1, (this.#state.sequence + 1).toString(16).padStart(64, '0')];
    const problem = reduce(this.#state, { ...entry, at: 0 } as LedgerEntry, { sequence, hash }, false);
    if (problem !== undefined) throw new Error(`${entry.type}: ${problem}`);
    this.#news = true;
  }

  #callsOf({ run, shard, term, to }: { run: string; shard: number; term: number; to: number }): number {
    const pending = this.#state.runs.get(run)?.shards[shard]?.pending.get(`${run} ${shard} ${term} ${to}`);
    return pending ? pending.entry.to - pending.entry.from : 0;
  }
}
