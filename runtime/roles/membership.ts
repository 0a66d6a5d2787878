/** Who is there: trainers come, are silent, begin anew, want to go. */
import type { Message } from '../wire/messages.ts';
import { askedOnly } from './border-probes.ts';
import { goesOn, tellAway } from './empty-shards.ts';
import { haltAgain, halted } from './ending.ts';
import { HEARTBEAT_MS, LAPSE_MS } from './liveness.ts';
import { assignment, dismissIfFree, reassign } from './ownership.ts';
import { placeWaiting } from './queue.ts';
import type { MemberState, RunState } from './synchronizer-state.ts';
import { isActive, isOver, ledRuns, members, runs, type Work } from './work.ts';

const MAX_NAME_CHARACTERS = 63;

interface Joined {
  /** At another gateway, which has given it its name and told it so. */
  readonly taken?: boolean;
  /** An operator has listed its key. */
  readonly vouched?: boolean;
}

export function joined(
  work: Work,
  key: string,
  received: Message & { type: 'member' },
  { taken = false, vouched = false }: Joined,
): void {
  const before = work.state.members[key];
  const { instance, pid, version, capability, records, again, audits, auditor, listen } = received;
  const borders = before?.instance === instance ? before.borders : askedOnly(before?.borders);
  const name = taken ? received.name : uniqueName(work, key, received.name);
  work.setMember({
    ...{ key, name, instance, capability, connected: true, seen: work.now, gap: 0 },
    pulses: before?.instance === instance ? before.pulses : 0,
    draining: false,
    refused: 0,
    ...(before?.measured ? { measured: before.measured } : {}),
    ...(listen === undefined ? {} : { listen }),
    ...(borders === undefined ? {} : { borders }),
    ...(pid === undefined ? {} : { pid }),
    ...(version === undefined ? {} : { version }),
    ...(records === undefined ? {} : { records }),
    ...(again === undefined ? {} : { again }),
    ...(audits === undefined ? {} : { audits }),
    ...(auditor === undefined ? {} : { auditor }),
    ...(vouched ? { vouched } : {}),
  });
  const known = { probes: true, ...(audits === undefined ? {} : { audits }) };
  if (!taken) work.send(key, { type: 'admitted', name, heartbeat: HEARTBEAT_MS, lapse: LAPSE_MS, ...known });
  for (const run of [...ledRuns(work), ...endedElsewhere(work)]) {
    const owner = isActive(run) && run.owners.includes(key);
    // What it may still hold is in other hands, or over.
    if (!owner) work.send(key, { type: 'release', run: run.deployment.run, term: run.term });
    if (!isActive(run)) continue;
    const lost = owner && before?.instance !== instance;
    if (lost && run.phase === 'halting') halted(work, run);
    else if (lost) reassign(work, run, `${name} has begun anew`);
    else if (owner) {
      work.send(key, assignment(run, key));
      haltAgain(work, run, key);
      const calls = run.manifests.at(-1)?.calls;
      // It may have missed that an epoch has ended, and who is away.
      if (goesOn(run) && calls !== undefined)
        work.send(key, { type: 'manifest', run: run.deployment.run, term: run.term, calls });
      if (goesOn(run)) tellAway(work, run);
    }
  }
  placeWaiting(work);
}

/** Of several synchronizers: a run that has ended has no leader, and the leader of the mesh answers for it. */
function endedElsewhere(work: Work): RunState[] {
  return work.state.presides ? runs(work).filter((run) => run.foreign && isOver(run)) : [];
}

/** Returns a name that no other member has: a second `trainer` becomes `trainer-2`. */
function uniqueName(work: Work, key: string, asked: string): string {
  const all = work.state.members;
  // Where a thousand trainers come at once, a list of all names for each of them would be a million.
  const isTaken = (name: string): boolean => {
    for (const other in all) if (all[other]?.name === name && other !== key) return true;
    return false;
  };
  let name = asked;
  for (let n = 2; isTaken(name); n++) name = `${asked.slice(0, MAX_NAME_CHARACTERS - `-${n}`.length)}-${n}`;
  return name;
}

export function gone(work: Work, member: MemberState, why: string): void {
  work.removeMember(member.key);
  for (const run of ledRuns(work)) {
    if (!isActive(run) || !run.owners.includes(member.key)) continue;
    work.log(run.deployment.run, { event: 'lost', trainer: member.name, key: member.key, why });
    if (run.phase === 'halting') halted(work, run);
    else reassign(work, run, `${member.name || member.key.slice(0, 8)} is gone`);
  }
}

/** @param asked a name or a key */
export function drainNamed(work: Work, asked: string): void {
  for (const member of members(work)) if (member.name === asked || member.key === asked) drain(work, member.key);
}

export function drain(work: Work, key: string): void {
  const member = work.state.members[key];
  if (!member) return;
  work.setMember({ ...member, draining: true });
  dismissIfFree(work, key);
}
