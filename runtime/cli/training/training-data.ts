/** The data that a plan names, opened with the settings of a run. */
import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { Plan, PlanData, PlanTraining } from '../../../spec/plan.ts';
import { DRAWN_SETS } from '../../data/catalogue.ts';
import { alignClasses } from '../../data/classes.ts';
import { assertColumns, keptColumns } from '../../data/column-names.ts';
import { type Classes, type Dataset, slice } from '../../data/dataset.ts';
import { assertSame, assertUnchanged, fingerprintOf } from '../../data/fingerprint.ts';
import { openDataset } from '../../data/open.ts';
import { withSampleNumbers } from '../../data/sample-numbers.ts';
import { KEPT_VOCABULARY } from '../../data/vocabulary-file.ts';
import { assertLabels, measuredIn, type TrainingData } from '../../shard/trainable.ts';
import type { RunConfig } from '../../store/run-config.ts';
import { UserError } from '../../support/errors.ts';
import { leftOutOf } from '../../training/calls.ts';
import type { DataRecord } from '../../training/data-record.ts';

export interface DataSettings {
  readonly seed: number;
  /** Folder of the public sets. */
  readonly data: string | undefined;
  /** Folder from which the paths of `data.file(…)` are meant: that of the model file. */
  readonly folder: string;
  /** At most so many samples of each set. */
  readonly limit: number | undefined;
  /** A vocabulary that a run keeps, to read instead of the file that the model names. */
  readonly vocabulary?: string | undefined;
}

export interface DataOpener {
  (reference: PlanData): Promise<Dataset>;
  /** Of the training: what it draws of samples is drawn from this. */
  readonly seed: number;
}

/** Opens a set; the same one named twice is opened once. */
export function dataOpener(settings: DataSettings): DataOpener {
  const { seed, data, folder, limit, vocabulary } = settings;
  const opened = new Map<string, Promise<Dataset>>();
  const open = async (reference: PlanData): Promise<Dataset> => {
    const { path, options } = reference;
    const at = (name: string): string => (isAbsolute(name) ? name : join(folder, name));
    const tokenizer = options?.tokenizer;
    const placed = {
      ...reference,
      ...(path === undefined ? {} : { path: at(path) }),
      ...(typeof tokenizer === 'string' ? { options: { ...options, tokenizer: vocabulary ?? at(tokenizer) } } : {}),
    };
    const dataset = await openDataset(placed, { seed, ...(data === undefined ? {} : { dataDirectory: data }) });
    return limitTo(dataset, limit);
  };
  const once = (reference: PlanData): Promise<Dataset> => {
    const key = JSON.stringify(reference);
    const known = opened.get(key) ?? open(reference);
    opened.set(key, known);
    return known;
  };
  return Object.assign(once, { seed });
}

export function limitTo(dataset: Dataset, limit: number | undefined): Dataset {
  return limit !== undefined && limit < dataset.length ? slice(dataset, 0, limit - 1) : dataset;
}

export async function openTrainingData(plan: Plan, training: PlanTraining, open: DataOpener): Promise<TrainingData> {
  const [learnt, validation, checks] = await Promise.all([
    open(training.data),
    training.validation ? open(training.validation) : undefined,
    Promise.all(plan.checks.map((c) => open(c.data))),
  ]);
  const train = withSampleNumbers(learnt, training.inputs, open.seed);
  const names = training.inputs.map(({ name }) => name);
  const aligned = (dataset: Dataset): Dataset => heldTo(dataset, train, names);
  const data = { train, checks: checks.map(aligned), ...(validation ? { validation: aligned(validation) } : {}) };
  assertLabels(plan, training, data);
  return data;
}

/**
 * Data that are read after training, by what training knew of its own.
 * @param trained names of the fields that training read
 * @throws UserError `data/classes`, `data/columns`
 */
export function heldTo(
  dataset: Dataset,
  known: Pick<DataRecord, 'classes' | 'columns' | 'vocabulary'> | undefined,
  trained: readonly string[],
): Dataset {
  assertColumns(dataset, known?.columns);
  if (known) assertVocabulary(dataset, known, trained);
  return alignClasses(dataset, known?.classes, trained);
}

/** @throws UserError `data/classes` where ids of texts are of other tokens than in training */
function assertVocabulary(
  { name, fields, vocabulary }: Dataset,
  known: Pick<DataRecord, 'vocabulary'>,
  trained: readonly string[],
): void {
  const isRead = fields.some((field) => trained.includes(field.name));
  if (!isRead || vocabulary?.sha256 === known.vocabulary?.sha256) return;
  throw new UserError(
    'data/classes',
    `${name} has ids of another vocabulary than the training data`,
    'name the same `tokenizer` in both',
  );
}

export function dataRecord(plan: Plan, training: PlanTraining, data: TrainingData): DataRecord {
  const { train } = data;
  const names = training.inputs.map((field) => field.name);
  const leftOut = leftOutOf({ ...training, train });
  const columns = keptColumns(train);
  const measured = readAgain(plan, data).map(({ dataset, fields }) => fingerprintOf(dataset, fields));
  return {
    ...{ train: fingerprintOf(train, names), leftOut },
    ...(measured.length > 0 ? { measured } : {}),
    ...(train.classes ? { classes: train.classes } : {}),
    ...(columns ? { columns } : {}),
    ...(train.vocabulary ? { vocabulary: { sha256: train.vocabulary.sha256 } } : {}),
  };
}

/** Path of the vocabulary that a run keeps; undefined where its data have none. */
export function keptVocabulary(directory: string, { settings }: RunConfig): string | undefined {
  return storedDataRecord(settings.trainedOn)?.vocabulary && join(directory, KEPT_VOCABULARY);
}

/** Files of a run that its data bring, by path within it. */
export function keptFiles({ train }: Pick<TrainingData, 'train'>): [string, Uint8Array][] {
  return train.vocabulary ? [[KEPT_VOCABULARY, train.vocabulary.content]] : [];
}

/**
 * @param before as the run has kept it; runs that were made before runs kept what they measure say nothing of it
 * @throws UserError `data/changed`
 */
export function assertDataUnchanged(plan: Plan, data: TrainingData, before: DataRecord): void {
  assertUnchanged(data.train, before);
  assertVocabulary(data.train, before, Object.keys(before.train.sums));
  readAgain(plan, data).forEach(({ dataset }, i) => {
    const kept = before.measured?.[i];
    if (kept) assertSame(dataset, kept);
  });
}

/** Evaluations on data that can change: those that are drawn from a seed cannot. */
function readAgain(plan: Plan, data: TrainingData): ReturnType<typeof measuredIn> {
  return measuredIn(plan, data).filter(({ from }) => !DRAWN_SETS.has(from.source));
}

/** @returns nothing for a run that was made before runs kept it */
export function storedDataRecord(stored: unknown): DataRecord | undefined {
  return typeof stored === 'object' && stored !== null && 'train' in stored ? (stored as DataRecord) : undefined;
}

/** The names of the classes that a run was trained on, by field. */
export function storedClasses({ settings }: RunConfig): Classes | undefined {
  return storedDataRecord(settings.trainedOn)?.classes;
}

/** The folder that a run remembers, if it is still there; without it the environment decides. */
export function rememberedData(folder: unknown): string | undefined {
  return typeof folder === 'string' && existsSync(folder) ? folder : undefined;
}
