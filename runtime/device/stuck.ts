/**
 * A thread in the middle of a product cannot be ended: ONNX Runtime does not answer meanwhile, and ends the whole
 * process when its thread is gone. Closing such a device does not wait for it; the process then ends the hard way,
 * since a usual exit waits for all threads.
 */
let stuck = false;

/** Milliseconds that a device may take to end. */
export const END_WITHIN_MS = Number(process.env.NMC_DEVICE_ENDS_WITHIN ?? 10_000);

/** Threads that load ONNX Runtime: a process that ends meanwhile is aborted by it. */
const loading = new Set<Promise<void>>();

/** @param loaded resolved when the thread can be ended */
export function markLoading(loaded: Promise<void>): void {
  loading.add(loaded);
  void loaded.then(() => loading.delete(loaded));
}

/** Waits until no thread loads any more; not for ever. */
export async function loadingEnds(): Promise<void> {
  if (loading.size > 0) await inTime(Promise.all(loading));
}

export function markStuck(): void {
  stuck = true;
}

/** Whether a device of this process was closed and has not ended. */
export const hasStuckDevice = (): boolean => stuck;

/** @returns whether it was done in time */
export async function inTime(work: Promise<unknown>, milliseconds = END_WITHIN_MS): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  try {
    return await Promise.race([
      work.then(
        () => true,
        () => true,
      ),
      late,
    ]);
  } finally {
    clearTimeout(timer);
  }
}
