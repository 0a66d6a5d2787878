/** Outcome of a case that was run as printed, and whether it is as its `expected.txt` says. */
import type { Ended } from '../process.ts';

export interface CaseRun {
  /** Both streams of the script, in the order in which they came. */
  readonly text: string;
  /** The case itself, to be read only. */
  readonly folder: string;
  /** For what a check makes. */
  readonly out: string;
  readonly nmc: (...args: string[]) => Promise<Ended>;
  /** The same, where a GPU is played by the processor. */
  readonly nmcOnGpu: (...args: string[]) => Promise<Ended>;
}

export interface CaseCheck {
  /** Modules of Python that the script imports. */
  readonly python?: readonly string[];
  /** @returns what is not as expected, or nothing */
  readonly wrong: (run: CaseRun) => string | undefined | Promise<string | undefined>;
}

/** @returns the first pattern that is not there, or the first that is though it may not be */
export function says(patterns: readonly RegExp[], never: readonly RegExp[] = []): CaseCheck['wrong'] {
  return ({ text }) => {
    const missing = patterns.find((pattern) => !pattern.test(text));
    if (missing) return `nothing says ${missing}`;
    const wrong = never.find((pattern) => pattern.test(text));
    return wrong && `something says ${wrong}`;
  };
}
