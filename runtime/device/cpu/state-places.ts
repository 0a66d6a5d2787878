/** Where a state lies: in one place, or, where a graph writes it, in two that change roles. */
import type { Placed } from './memory.ts';

export interface StatePlaces {
  current: Placed;
  /** Only where a graph writes the state. */
  spare: Placed | undefined;
}

export function spareOf(state: StatePlaces, id: string): Placed {
  if (!state.spare) throw new Error(`${id} is not written by a graph`);
  return state.spare;
}

export function swap(state: StatePlaces): void {
  if (!state.spare) return;
  const { current } = state;
  state.current = state.spare;
  state.spare = current;
}
