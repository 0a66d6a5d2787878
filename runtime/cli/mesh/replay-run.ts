/** A recording gone through again: each event with what came of it, and whether that is what was recorded. */
import { nameOf, type RecordedPiece, type ReplayedStep, replay } from '../../roles/recording.ts';
import type { RunState, SynchronizerEvent } from '../../roles/synchronizer-state.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';

/** @param run shown of each state. @returns exit code: 1 where anything differs from what was recorded */
export function replayRun(pieces: Iterable<RecordedPiece>, run: string, json: boolean): number {
  let [events, differences, effects] = [0, 0, 0];
  let last: RunState | undefined;
  for (const step of replay(pieces)) {
    events++;
    effects += step.effects.length;
    if (step.difference !== undefined) differences++;
    last = step.state.runs[run] ?? last;
    if (json) tellAll(step, run);
    // What only renews a lease, or is kept for audits, would hide what happened.
    else if (step.effects.some((e) => e.kind !== 'keep') || step.difference !== undefined) tellPeople(step, run);
  }
  if (events === 0) throw new UserError('replay/empty', `there is no recording of ${run}`);
  const end = last ? summaryOf(last) : undefined;
  if (json) emit({ event: 'replayed', run, events, effects, differences, state: end ?? null });
  else
    process.stdout.write(
      printed`${events} events, ${effects} effects: ${differences === 0 ? 'all as recorded' : `${differences} differ from the recording`}\n`,
    );
  return differences === 0 ? EXIT.done : EXIT.checkFailed;
}

function tellAll({ at, event, effects, state, difference, fromBase }: ReplayedStep, run: string): void {
  const now = state.runs[run];
  emit({
    time: at,
    entered: event,
    effects,
    state: now ? summaryOf(now) : null,
    ...(fromBase ? { fromBase } : {}),
    ...(difference === undefined ? {} : { difference }),
  });
}

function tellPeople({ at, event, effects, state, difference, fromBase }: ReplayedStep, run: string): void {
  const now = state.runs[run];
  const words = now ? `${now.phase} term ${now.term} snapshot ${now.manifests.at(-1)?.calls ?? '-'}` : '-';
  if (fromBase) process.stdout.write('-- from a recorded state\n');
  process.stdout.write(
    printed`${timeOf(at)}  ${eventName(event).padEnd(12)} ${words.padEnd(36)} ${namesOf(effects.map(nameOf))}\n`,
  );
  if (difference !== undefined) process.stdout.write(printed`    differs: ${difference}\n`);
}

/** Virtual time counts from 0. */
function timeOf(at: number): string {
  return at > 1e12 ? new Date(at).toISOString() : `${(at / 1000).toFixed(3)} s`;
}

function eventName(event: SynchronizerEvent): string {
  return event.kind === 'message' ? event.message.type : event.kind;
}

/** The same one after the other is told once. */
function namesOf(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, n]) => (n === 1 ? name : `${name} × ${n}`)).join(', ');
}

function summaryOf({ phase, term, owners, manifests, reason }: RunState): Readonly<Record<string, unknown>> {
  return { phase, epoch: term, owners, snapshot: manifests.at(-1)?.calls ?? null, reason };
}
