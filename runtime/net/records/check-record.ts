/** What has to hold of a record before anything is computed from it: the state, the frames and the windows are signed. */
import { keyBytes } from '../../identity/key-text.ts';
import { lastChange } from '../../training/calls.ts';
import { canonicalBytes } from '../../wire/canonical.ts';
import type { Deployment } from '../../wire/deployment.ts';
import { CallPackets } from '../../wire/frame-chain.ts';
import { fromHex, hex, sha256 } from '../../wire/hash.ts';
import { decodePacket, type Header } from '../../wire/header.ts';
import { leafOf, rootOf } from '../../wire/merkle.ts';
import { bySlot, leafOfReads } from '../../wire/reads.ts';
import { runTag } from '../../wire/run-tag.ts';
import { stateHolds } from '../../wire/state-signature.ts';
import { directionOf, type Window, windowHolds } from '../../wire/window.ts';
import { damagedRecord } from './entries.ts';
import type { SaidReads, StretchRecord } from './read-record.ts';

/** One direction of a border in one call. */
interface Flow {
  readonly leaves: readonly Uint8Array[];
  readonly peer: number;
  readonly call: number;
  readonly direction: number;
}

/** @throws UserError `record/damaged` where the record is of another deployment, or its states are not signed */
export function assertSigned(record: StretchRecord, deployment: Deployment): void {
  const { head, end } = record;
  const { run, shard, term, owner } = head;
  if (head.run !== deployment.run || head.deployment !== hex(sha256(canonicalBytes(deployment))))
    throw damagedRecord('it is of another deployment');
  if (end.calls <= head.from) throw damagedRecord('it ends where it begins');
  const place = { run, shard, term };
  const { signed } = head;
  const began = !signed || (signed.hash === head.hash && signed.calls === lastChange(deployment, head.from));
  if (!began || (signed && !stateHolds(place, signed, owner))) throw damagedRecord('its first state is not signed');
  if (end.signed.calls !== lastChange(deployment, end.calls) || !stateHolds(place, end.signed, owner))
    throw damagedRecord('its last state is not signed');
}

/**
 * Frames that came are their senders', by their signatures and by the windows that both ends signed; those that went
 * are the ones that the neighbours have signed to have got.
 * @returns how many directions of borders have no window in a call
 * @throws UserError `record/damaged`
 */
export function checkFrames(record: StretchRecord, deployment: Deployment): number {
  let unsigned = 0;
  const { run, term, shard: own } = record.head;
  const known = new Map(record.windows.map((w) => [flowName(w.peer, w.window.direction, w.window.call), w.window]));
  const flows = [...takenFlows(record, deployment, new Set(known.keys())), ...sentFlows(record)];
  for (const { leaves, peer, call, direction } of flows) {
    const window = known.get(flowName(peer, direction, call));
    if (!window) {
      // What was sent or taken of a batch that began ahead is of the next stretch.
      if (call < record.end.calls) unsigned++;
      continue;
    }
    const key = keyBytes(record.end.owners[peer] ?? '');
    if (!key || !windowHolds({ run, term, own, peer }, window, key) || !isOver(window, leaves))
      throw damagedRecord(`the window of call ${call} with shard ${peer} is not over its frames`);
  }
  return unsigned;
}

function isOver({ packets, root }: Window, leaves: readonly Uint8Array[]): boolean {
  return packets === leaves.length && root === hex(rootOf(leaves));
}

/** @param closed names of those over which there is a window */
function takenFlows(record: StretchRecord, deployment: Deployment, closed: ReadonlySet<string>): Flow[] {
  const { head, end, taken, signed, reads } = record;
  const { run, term, shard: own } = head;
  const plan = deployment.plan[0]?.blob;
  const flows = new Map<string, CallPackets & { readonly at: Omit<Flow, 'leaves'> }>();
  const slots = new Map<string, SlotPacket[]>();
  for (const { from, call, read } of taken) {
    const packet = read();
    const header = decodePacket(packet)?.header;
    const direction = directionOf(from, own);
    if (!header || !isOf(header, { run, term, direction, plan, isFree: deployment.schedule === 'async' }))
      throw damagedRecord('a frame of it is of another run');
    const name = flowName(from, direction, call);
    if (header.kind === 'slot') {
      slots.set(name, [...(slots.get(name) ?? []), { header, leaf: leafOf(packet) }]);
      continue;
    }
    const known = flows.get(name);
    const at = { peer: from, call, direction };
    const flow = known ?? Object.assign(new CallPackets({ run, term, from, to: own, call }), { at });
    flows.set(name, flow);
    flow.append(packet);
    flow.settle();
  }
  for (const { from, call, signature } of signed) {
    const flow = flows.get(flowName(from, directionOf(from, own), call));
    if (flow) flow.signature = signature;
  }
  return [...flows.values()].map((flow) => {
    // Where the term ended first its sender has signed neither the frames nor their window.
    if (!flow.signature && !closed.has(flowName(flow.at.peer, flow.at.direction, flow.at.call)))
      return { ...flow.at, leaves: flow.leaves };
    const key = keyBytes(end.owners[flow.at.peer] ?? '');
    if (!key || !flow.isSignedBy(key))
      throw damagedRecord(`frames of shard ${flow.at.peer} in call ${flow.at.call} are not signed by their sender`);
    const { peer } = flow.at;
    const name = flowName(peer, flow.at.direction, flow.at.call);
    return { ...flow.at, leaves: [...flow.leaves, ...readLeaves(reads, peer, flow.at.call, slots.get(name))] };
  });
}

interface SlotPacket {
  readonly header: Header;
  readonly leaf: Uint8Array;
}

/** What a window is over beside the packets that come exactly once. @param peer the shard beyond the border */
function readLeaves(
  told: readonly SaidReads[],
  peer: number,
  call: number,
  packets: readonly SlotPacket[] = [],
): Uint8Array[] {
  const said = told.find((t) => t.shard === peer && t.call === call);
  const leaves = [...packets].sort((a, b) => bySlot(a.header, b.header)).map(({ leaf }) => leaf);
  return said ? [leafOfReads(said.payload), ...leaves] : leaves;
}

function isOf(
  header: Header,
  at: {
    readonly run: string;
    readonly term: number;
    readonly direction: number;
    readonly plan: string | undefined;
    readonly isFree: boolean;
  },
): boolean {
  const { kind, term, direction } = header;
  const plan = fromHex(at.plan, 32);
  const named = hex(header.run) === hex(runTag(at.run)) && plan !== undefined && hex(header.plan) === hex(plan);
  return (kind === 'data' || (kind === 'slot' && at.isFree)) && term === at.term && direction === at.direction && named;
}

function sentFlows({ head, sent, told }: StretchRecord): Flow[] {
  const flows = new Map<string, Omit<Flow, 'leaves'> & { leaves: Uint8Array[]; slots: SlotPacket[] }>();
  for (const { to, header, leaf } of sent) {
    const direction = directionOf(head.shard, to);
    const name = flowName(to, direction, header.batch);
    const flow = flows.get(name) ?? { peer: to, call: header.batch, direction, leaves: [], slots: [] };
    if (header.kind === 'slot') flow.slots.push({ header, leaf });
    else flow.leaves.push(leaf);
    flows.set(name, flow);
  }
  return [...flows.values()].map(({ leaves, slots, ...at }) => {
    return { ...at, leaves: [...leaves, ...readLeaves(told, at.peer, at.call, slots)] };
  });
}

function flowName(peer: number, direction: number, call: number): string {
  return `${peer}/${direction}/${call}`;
}
