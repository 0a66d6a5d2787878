/** How the process of a trainer is started, by `nmc join` and by `nmc up` alike: its memory decides how fast it is. */

/**
 * Megabytes that a trainer's heap may hold before all of it is looked through. Frames are memory outside the heap that
 * counts as if it were in it: from the few megabytes where Node begins, a small network's frames would have all live
 * objects walked every ten ticks, on five threads.
 */
const HEAP = '--initial-heap-size=128';

/**
 * Of a trainer without a bound: glibc keeps what is freed. New pages for each tensor and frame of a few megabytes cost
 * several times what is copied there, a fifth of a wide network's tick. The first is the largest that every glibc takes.
 */
const GENEROUS = { MALLOC_MMAP_THRESHOLD_: '33554432', MALLOC_TRIM_THRESHOLD_: '268435456' };

/**
 * Of a trainer with a bound, which has memory for little garbage: glibc gives tensors back to the system as soon as they
 * are freed, and threads share its memory. Other systems do not read it.
 */
const THRIFTY = { MALLOC_MMAP_THRESHOLD_: '1048576', MALLOC_TRIM_THRESHOLD_: '4194304', MALLOC_ARENA_MAX: '2' };

/** What its process begins with. */
export interface TrainerStart {
  /** Arguments of Node. */
  readonly heap: readonly string[];
  /** Of its environment, where the user has not set them. */
  readonly allocation: Readonly<Record<string, string>>;
}

/** @param allowed bytes that its shards may use; no bound when absent */
export function startOfTrainer(allowed: number | undefined): TrainerStart {
  return allowed === undefined ? { heap: [HEAP], allocation: GENEROUS } : { heap: [], allocation: THRIFTY };
}
