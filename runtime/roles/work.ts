/** The state of a synchronizer on its way from one event to its effects, and what all handlers ask of it. */
import type { RunEvent } from '../../spec/run-events.ts';
import type { Message } from '../wire/messages.ts';
import { allotmentOf, between, isWithin } from './allotments.ts';
import {
  type Allotment,
  type MemberState,
  type Phase,
  type Refusal,
  type RunState,
  type Step,
  type StoredRun,
  type SynchronizerEffect,
  type SynchronizerState,
  storedOf,
} from './synchronizer-state.ts';

/** In these a run has owners who work, or waits for some. */
const ACTIVE: readonly Phase[] = ['waiting', 'preparing', 'running', 'halting'];

export class Work {
  state: SynchronizerState;
  readonly now: number;
  readonly effects: SynchronizerEffect[] = [];
  refused: Refusal | undefined;
  /** The table of members, once this event has made one of its own. */
  #members: Record<string, MemberState> | undefined;

  /** @param table of members of the state, where its caller never reads that state again: it is changed in place */
  constructor(state: SynchronizerState, now: number, table?: Record<string, MemberState>) {
    this.state = state;
    this.now = now;
    this.#members = table;
  }

  setMember(member: MemberState): void {
    this.#ownMembers()[member.key] = member;
  }

  removeMember(key: string): void {
    delete this.#ownMembers()[key];
  }

  #ownMembers(): Record<string, MemberState> {
    if (!this.#members) {
      this.#members = { ...this.state.members };
      this.state = { ...this.state, members: this.#members };
    }
    return this.#members;
  }

  setRun(run: RunState): RunState {
    this.state = { ...this.state, runs: { ...this.state.runs, [run.deployment.run]: run } };
    return run;
  }

  /** A change that has to be durable before anyone hears of it. */
  saveRun(run: RunState): RunState {
    const before = this.state.runs[run.deployment.run];
    const [held, line] = [before && allotmentOf(before), allotmentOf(run)];
    const [grows, shrinks] = [!isWithin(line, held), !isWithin(held, line)];
    const several = this.state.allotted !== undefined;
    // What is given up is free when it is durable that it was, and not before: the leader may die in between.
    if (several && grows && line) this.allot(run, between(held, line));
    this.effects.push({ kind: 'persist', run: run.deployment.run, value: storedOf(run) });
    if (several && shrinks) this.allot(run);
    return this.setRun(run);
  }

  /** The run is to have what it holds. */
  allot(run: RunState, line: Allotment | undefined = allotmentOf(run)): void {
    const knowing = this.state.allotted?.version ?? 0;
    this.effects.push({ kind: 'allot', run: run.deployment.run, term: run.term, line, knowing });
  }

  send(to: string, message: Message): void {
    this.effects.push({ kind: 'send', to, message });
  }

  /** To every owner of the run who is there. */
  tell(run: RunState, message: Message): void {
    for (const key of new Set(run.owners)) if (key !== '') this.send(key, message);
  }

  log(run: string, event: RunEvent): void {
    this.effects.push({ kind: 'log', run, event: { ...event, time: this.now } });
  }

  step(): Step {
    const { state, effects, refused } = this;
    return { state, effects, ...(refused === undefined ? {} : { refused }) };
  }
}

export function isActive(run: StoredRun): boolean {
  return ACTIVE.includes(run.phase);
}

/** It has ended, and needs no leader. */
export function isOver({ phase }: Pick<StoredRun, 'phase'>): boolean {
  return phase === 'stopped' || phase === 'done' || phase === 'failed';
}

/** Those that this synchronizer decides for: all, where it is alone. */
export function ledRuns(work: Work): RunState[] {
  return runs(work).filter(({ foreign }) => !foreign);
}

export function runs(work: Work): RunState[] {
  return Object.values(work.state.runs);
}

export function members(work: Work): MemberState[] {
  return Object.values(work.state.members);
}

export function nameOf(work: Work, key: string): string {
  return work.state.members[key]?.name || key.slice(0, 8);
}

/** The run, if the sender owns that shard in that term and the run is active. Everything else is of another time. */
export function owned(
  work: Work,
  from: string,
  { run: id, term, shard }: { readonly run: string; readonly term: number; readonly shard: number },
): RunState | Refusal {
  const run = work.state.runs[id];
  if (!run || run.foreign) return 'unknown-run';
  if (!isActive(run)) return 'not-active';
  // Of a shard that goes on, what it says may be of a term before.
  const since = run.since?.[shard] ?? run.term;
  if (term > run.term || term < since) return 'another-term';
  return run.owners[shard] === from ? run : 'not-the-owner';
}
