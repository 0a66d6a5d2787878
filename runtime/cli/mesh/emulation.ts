/**
 * `--emulate-up`, `--emulate-down`, `--emulate-direct`, `--delay`: a trainer on this machine that behaves as if it stood
 * somewhere else; `--emulate-loss`, `--emulate-damage`: on a network that loses and changes what its borders send.
 */
import { hostname } from 'node:os';
import type { Emulation } from '../../net/emulated-socket.ts';
import { formatRate } from '../../support/parse-rate.ts';
import type { EmulationArguments } from './options.ts';

const PERCENT = 100;

/** Nothing where nothing is emulated. */
export function emulationOf(args: EmulationArguments): Emulation | undefined {
  const { delay = 0, 'emulate-up': up, 'emulate-down': down, 'emulate-direct': rate } = args;
  const { 'emulate-loss': loss = 0, 'emulate-damage': damage = 0 } = args;
  const isPlain = [delay, loss, damage].every((of) => of === 0);
  if (isPlain && [up, down, rate].every((bound) => bound === undefined)) return undefined;
  const faults = {
    ...(loss === 0 ? {} : { loss: loss / PERCENT }),
    ...(damage === 0 ? {} : { damage: damage / PERCENT }),
  };
  const direct = rate === undefined ? {} : { direct: { rate, delay: args['delay-direct'] ?? delay } };
  return { delay, ...(up === undefined ? {} : { up }), ...(down === undefined ? {} : { down }), ...direct, ...faults };
}

/** For the command line of a trainer. */
export function emulationOptions(args: EmulationArguments): string[] {
  const { up, down, delay = 0, direct, loss, damage } = emulationOf(args) ?? {};
  return [
    ...(delay > 0 ? ['--delay', String(delay)] : []),
    ...(up === undefined ? [] : ['--emulate-up', `${up}B/s`]),
    ...(down === undefined ? [] : ['--emulate-down', `${down}B/s`]),
    ...(direct === undefined ? [] : ['--emulate-direct', `${direct.rate}B/s`, '--delay-direct', String(direct.delay)]),
    ...(loss === undefined ? [] : ['--emulate-loss', percentOf(loss)]),
    ...(damage === undefined ? [] : ['--emulate-damage', percentOf(damage)]),
  ];
}

function percentOf(chance: number): string {
  return String(Number((PERCENT * chance).toPrecision(6)));
}

/** Behind what is said of a trainer: `, emulating 2 Mbit/s up, 40 ms`. */
export function emulationText(emulation: Emulation | undefined): string {
  if (!emulation) return '';
  const { up, down, delay, direct, loss, damage } = emulation;
  const parts = [
    ...(up === undefined ? [] : [`${formatRate(up)} up`]),
    ...(down === undefined ? [] : [`${formatRate(down)} down`]),
    ...(delay > 0 ? [`a round trip of ${delay} ms between trainers`] : []),
    ...(direct ? [`${formatRate(direct.rate)} and ${direct.delay} ms directly between trainers`] : []),
    ...(loss === undefined ? [] : [`${percentOf(loss)} % of relayed packets lost`]),
    ...(damage === undefined ? [] : [`a changed bit in ${percentOf(damage)} % of packets`]),
  ];
  return `, emulating ${parts.join(', ')}`;
}

/**
 * Processors are shared by all on this machine; trainers that emulate a link share no place in the network with them.
 */
export function machineOf(name: string, emulation: Emulation | undefined): { machine: string; place?: string } {
  const machine = hostname().slice(0, 100);
  return { machine, ...(emulation ? { place: `${machine}/${name}`.slice(0, 200) } : {}) };
}
