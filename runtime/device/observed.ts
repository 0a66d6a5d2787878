/** A device under observation: since when it has not answered. */
import type { Device, DeviceSession, Executable } from './device.ts';

export interface Observed {
  readonly device: Device;
  /** When the oldest call began that has no answer yet, in milliseconds of the clock; nothing where all have one. */
  readonly waitingSince: () => number | undefined;
}

/** @param closed a session of it was closed */
export function observed(device: Device, now: () => number, closed: () => void): Observed {
  const waiting = new Map<number, number>();
  let count = 0;
  const during = async <T>(work: Promise<T>): Promise<T> => {
    const id = count++;
    waiting.set(id, now());
    try {
      return await work;
    } finally {
      waiting.delete(id);
    }
  };
  const watch = (session: DeviceSession): DeviceSession => ({
    write: (state, values) => during(session.write(state, values)),
    read: (state) => during(session.read(state)),
    ...partsOf(session, during),
    run: (...asked) => during(session.run(...asked)),
    prepare: (name) => session.prepare(name),
    computed: () => session.computed?.() ?? 0,
    ...(session.held ? { held: session.held } : {}),
    close: async () => {
      await during(session.close());
      closed();
    },
  });
  const { openAll, openHere } = device;
  return {
    device: {
      ...device,
      open: async (executable) => watch(await device.open(executable)),
      ...(openHere
        ? { openHere: async (executable: Executable) => watch(await openHere.call(device, executable)) }
        : {}),
      ...(openAll
        ? { openAll: async (all: readonly Executable[]) => (await openAll.call(device, all)).map(watch) }
        : {}),
    },
    // Calls are kept in the order in which they were made.
    waitingSince: () => waiting.values().next().value,
  };
}

function partsOf(
  { readPart, writePart }: DeviceSession,
  during: <T>(work: Promise<T>) => Promise<T>,
): Pick<DeviceSession, 'readPart' | 'writePart'> {
  if (!readPart || !writePart) return {};
  return {
    readPart: (state, begin, end) => during(readPart(state, begin, end)),
    writePart: (state, begin, values) => during(writePart(state, begin, values)),
  };
}
