/** The record that a run keeps of its data, so that every later reading is held to it. */

export interface DataRecord {
  readonly train: Fingerprint;
  /** Of what is measured and could change: the data of each check of the plan, then those of validation. */
  readonly measured?: readonly Fingerprint[];
  /** Samples that each epoch leaves out, since they do not fill a batch. */
  readonly leftOut: number;
  /** Names of the classes by field, in the order of their numbers. */
  readonly classes?: Readonly<Record<string, readonly string[]>>;
  /** Of the file whose tokens the ids of texts are; the run keeps the file. */
  readonly vocabulary?: { readonly sha256: string };
  /** Names of the columns by field, where the file has names and several of them are the field. */
  readonly columns?: Readonly<Record<string, readonly string[]>>;
}

/** Marks by which data are recognised as those of a training. */
export interface Fingerprint {
  readonly name: string;
  readonly samples: number;
  /** CRC-32 of all values of a field, by name. */
  readonly sums: Readonly<Record<string, number>>;
}
