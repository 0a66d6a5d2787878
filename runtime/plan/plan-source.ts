/** Where the bytes of a plan come from: a folder, blobs of a mesh, a server. What is in them is checked in one place. */

export const PLAN_FILE = 'plan.json';

export interface PlanBytes {
  readonly bytes: Uint8Array;
  /** Of these bytes, in hexadecimal digits. */
  readonly sha256: string;
}

/** A file that is there, and may be too large to be read. */
export interface FoundFile {
  readonly size: number;
  readonly read: () => PlanBytes;
}

export interface PlanSource {
  /** For messages: the folder, or the address. */
  readonly name: string;
  /**
   * @param path a plain name below the plan, with `/`
   * @returns nothing where there is no such file. @throws UserError where it is there and must not be read
   */
  readonly find: (path: string) => FoundFile | undefined;
}
