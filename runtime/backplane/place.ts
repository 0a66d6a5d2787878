/** Where the mesh of a state folder is kept, and whether it is being moved: two small files of that folder. */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../support/atomic.ts';
import { nmc } from '../support/command-text.ts';
import { UserError } from '../support/errors.ts';
import { removeFile } from '../support/safe-files.ts';
import { ownPath } from '../support/safe-path.ts';
import type { Backplane } from './backplane.ts';
import { MOVE_KEY } from './own-keys.ts';

export type Place = 'embedded' | 'nats';

export interface Move {
  readonly id: string;
  readonly to: Place;
  /** It was begun before. */
  readonly again: boolean;
}

/** What the entry of a move says, where the mesh goes to, and where it comes from. */
export type MoveMark = 'arriving' | 'leaving' | 'left';

const PLACE = 'place.json';
const MOVE = 'move.json';

/** @returns nothing where no move has said it */
export function placeOf(state: string): Place | undefined {
  const { place } = readObject(join(state, PLACE));
  return place === 'nats' || place === 'embedded' ? place : undefined;
}

export function setPlace(state: string, place: Place): void {
  writeFileAtomic(ownPath(state, PLACE), `${JSON.stringify({ place })}\n`);
}

/** @returns nothing where the mesh is there. @throws UserError `mesh/moving` where another one was begun */
export function beginMove(state: string, to: Place): Move | undefined {
  const begun = begunMove(state);
  if (begun && begun.to !== to) throw moving(state, begun.to);
  if (begun) return begun;
  if (placeOf(state) === to) return undefined;
  const move = { id: randomUUID(), to };
  writeFileAtomic(ownPath(state, MOVE), `${JSON.stringify(move)}\n`);
  return { ...move, again: false };
}

export function endMove(state: string): void {
  removeFile(ownPath(state, MOVE));
}

/** @throws UserError `mesh/moving`, `mesh/moved` */
export function assertPlace(state: string, used: Place): void {
  const begun = begunMove(state);
  if (begun) throw moving(state, begun.to);
  const place = placeOf(state) ?? used;
  if (place === used) return;
  const repair = place === 'nats' ? 'name its servers: --nats URL' : 'start it without --nats';
  throw new UserError('mesh/moved', `the mesh of ${state} was moved: it is kept ${wordsOf(place)}`, repair);
}

/** @throws UserError `mesh/moving`, `mesh/moved` where the mesh goes elsewhere, is not whole yet, or has left */
export async function assertStays(nats: Backplane): Promise<void> {
  const entry = await nats.get(MOVE_KEY);
  if (!entry) return;
  if (markOf(entry.value).mark === 'left')
    throw new UserError('mesh/moved', 'the mesh has left these servers', 'start it where it was moved to');
  throw new UserError('mesh/moving', 'the mesh is being moved', 'finish that first, on the machine where it was begun');
}

export function markText(id: string, mark: MoveMark): string {
  return JSON.stringify({ id, mark });
}

export function markOf(value: string): { readonly id?: unknown; readonly mark?: unknown } {
  return parsedObject(value);
}

/** @returns nothing where none was begun, or it has ended */
export function begunMove(state: string): Move | undefined {
  const { id, to } = readObject(join(state, MOVE));
  if (typeof id !== 'string' || (to !== 'nats' && to !== 'embedded')) return undefined;
  return { id, to, again: true };
}

function moving(state: string, to: Place): UserError {
  return new UserError(
    'mesh/moving',
    `a move of the mesh of ${state} was begun`,
    `finish it: ${nmc`mesh move --to ${to} --nats URL`}; or let the mesh stay where it was: ${nmc`mesh move --give-up --nats URL`}`,
  );
}

function wordsOf(place: Place): string {
  return place === 'nats' ? 'in NATS' : 'in that folder';
}

function readObject(path: string): Readonly<Record<string, unknown>> {
  return existsSync(path) ? parsedObject(readFileSync(path, 'utf8')) : {};
}

function parsedObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
