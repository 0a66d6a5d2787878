/**
 * The state that a stretch begins from, onto a device: a large one is read twice, once for its hash and once more part by
 * part, and is never in memory as a whole.
 */
import type { State } from '../../../spec/program.ts';
import type { DeviceSession } from '../../device/device.ts';
import { fillStates, type SavedStates } from '../../shard/shard.ts';
import { boundedCount } from '../../support/bounded.ts';
import { UserError } from '../../support/errors.ts';
import { fillFrom } from '../fill-from.ts';
import { headOf, PieceReader } from '../piece-reader.ts';
import { mostPartBytes } from '../shard-memory.ts';
import { decodeState, stateHash, stateHashIn } from '../shard-state.ts';
import { isStreamed } from '../streamed-state.ts';
import { damagedRecord } from './entries.ts';
import type { CutRecord } from './read-record.ts';

const MAX_HEAD_BYTES = 16e6;

/** What has to hold of the state of a record, and what puts it onto a device then. */
export interface RecordedState {
  readonly fill: (device: DeviceSession) => Promise<void>;
}

/**
 * @param states of the shard
 * @param least bytes of a large one
 * @throws UserError `record/damaged` where it is not the state that was signed
 */
export async function recordedState(
  record: CutRecord,
  states: readonly State[],
  least?: number,
): Promise<RecordedState> {
  if (!isStreamed(states, least)) {
    const { parameters, auxiliary } = await wholeState(record, states);
    return { fill: (device) => fillStates(device, states, { tensors: [...parameters, ...auxiliary] }, false) };
  }
  const blob = await checkedBlob(record);
  const fill = async (device: DeviceSession): Promise<void> => {
    try {
      await fillFrom(device, states, record.state(), blob);
    } catch (error) {
      if (error instanceof UserError) throw damagedRecord('its state is not one of its shard');
      throw error;
    }
  };
  return { fill };
}

async function wholeState(record: CutRecord, states: readonly State[]): Promise<SavedStates> {
  const state = decoded(await stateBytes(record, mostPartBytes(states)));
  if (!state) throw damagedRecord('its state cannot be read');
  if (stateHash(state) !== record.head.hash) throw damagedRecord('its state is not the one that was signed');
  return state;
}

/** As a part has it. @throws UserError `record/damaged` where it is longer than so many bytes, or ends before */
export async function stateBytes(record: CutRecord, most: number): Promise<Uint8Array> {
  const pieces = new PieceReader(record.state());
  const fits = pieces.bytes <= most;
  const bytes = fits && (await pieces.take(boundedCount(pieces.bytes, most, 'the state of a record')));
  if (!bytes) throw damagedRecord('its state cannot be read');
  return bytes;
}

function decoded(bytes: Uint8Array): SavedStates | undefined {
  try {
    return decodeState(bytes);
  } catch {
    return undefined;
  }
}

/** @returns the hash of its bytes: the second reading is held to it */
async function checkedBlob(record: CutRecord): Promise<string> {
  const pieces = new PieceReader(record.state());
  const entries = await headOf(pieces, MAX_HEAD_BYTES);
  if (!entries) throw damagedRecord('its state cannot be read');
  const hash = await stateHashIn(pieces, entries);
  if (hash === undefined) throw damagedRecord('its state cannot be read');
  if (hash !== record.head.hash) throw damagedRecord('its state is not the one that was signed');
  return pieces.hashOfAll();
}
