/**
 * The cost of taking turns among shards of one process: two of them, as a training runs them, hand a few numbers to
 * each other and back, over and over. Nothing is worked out but one operation each, so all that remains is a run of the
 * device with what goes on around it.
 */
import type { Device, DeviceSession, Executable } from '../../device/device.ts';
import { Lockstep } from '../../shard/lockstep.ts';
import { openSession } from '../../shard/session.ts';
import { lowerQuartile, POSITION } from './measure.ts';
import { halve, turnSources } from './turn-programs.ts';

/** There and back so many times in a call: what begins and ends it hardly counts. */
const ROUNDS = 24;
/** Values that are handed over, few and many. */
const [FEW, MANY] = [64, 32 * 1024] as const;
const BYTES = 4;
const CALLS = 9;
/** Before them, until the code of both shards is compiled as in a training: some thousand turns. */
const WARM_CALLS = 40;

export interface HandoverTimes {
  /** Seconds from one shard's begin to the other's, with few values and with many. */
  readonly few: number;
  readonly many: number;
  /** With few values, where programs run in the thread that carries them; as in others where a device cannot. */
  readonly here: number;
  /** That it hands on, more with many values than with few. */
  readonly bytes: number;
}

export async function handoverTimes(device: Device): Promise<HandoverTimes> {
  const few = await secondsOfTurn(device, FEW);
  const here = device.openHere ? await secondsOfTurn(device, FEW, 'here') : few;
  return { few, here, many: await secondsOfTurn(device, MANY), bytes: BYTES * (MANY - FEW) };
}

export async function secondsOfTurn(
  device: Device,
  values: number,
  where: 'threads' | 'here' = 'threads',
): Promise<number> {
  const sources = await turnSources(device, { name: 'turns', rounds: ROUNDS, values });
  const executables = sources.map((s) => s.executable);
  const devices = await opened(device, executables, where);
  try {
    for (const [i, { program }] of executables.entries()) await halve(devices[i] as DeviceSession, program);
    // As a trainer's host has them: each of its shards goes on until it waits for a frame.
    const both = new Lockstep(
      sources.map((s, i) => openSession(s.schedule, s.executable, devices[i] as DeviceSession)),
    );
    const times: number[] = [];
    for (let call = -WARM_CALLS; call < CALLS; call++) {
      const begin = now(where);
      await both.run('turns', {}, POSITION);
      if (call >= 0) times.push(now(where) - begin);
    }
    return lowerQuartile(times) / 1000 / (2 * ROUNDS);
  } finally {
    await Promise.all(devices.map((d) => d.close()));
  }
}

/** Milliseconds: of processors where one thread does everything, since other work of the machine changes these less. */
function now(where: 'threads' | 'here'): number {
  if (where === 'threads') return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}

async function opened(
  device: Device,
  executables: readonly Executable[],
  where: 'threads' | 'here',
): Promise<readonly DeviceSession[]> {
  const open = (executable: Executable): Promise<DeviceSession> => {
    const here = where === 'here' ? device.openHere?.(executable) : undefined;
    return here ?? device.open(executable);
  };
  const together = where === 'here' ? undefined : device.openAll?.(executables);
  return together ?? Promise.all(executables.map(open));
}
