/** From what a program names to rows: one source per row of a table. */
import { basename } from 'node:path';
import type { DataPart, PictureMoves } from '../../spec/plan.ts';
import { UserError } from '../support/errors.ts';
import { CATALOGUE, type CatalogueEntry, TEXT_LENGTH, TEXT_WINDOW, TRACKING_STEPS } from './catalogue.ts';
import { type Dataset, type Field, slice } from './dataset.ts';
import { dataDirectory } from './directory.ts';
import { divide } from './divide.ts';
import { builtSheets } from './glyphs/built-sheets.ts';
import { sequences } from './sequences.ts';
import type { GlyphSplit } from './sources/glyphs.ts';
import type { SenseSplit } from './sources/senses.ts';
import type { TextOptions } from './sources/text.ts';
import type { TrackingSplit } from './sources/tracking.ts';

/** `data.mnist.train[0..54999]` is { source: 'mnist', split: 'train', range: [0, 54999] }. */
export interface DataReference {
  readonly source: string;
  /** Of a built-in set; a file has only one. */
  readonly split: string;
  /** First and last sample, both included. */
  readonly range?: readonly [number, number];
  /** So many samples in a row are one sequence; the shapes of `fields` begin with this number then. */
  readonly steps?: number;
  /** The samples so far are divided, and this is the part that is meant. */
  readonly part?: DataPart;
  readonly moved?: PictureMoves;
  /** Only for `file` and `text`. */
  readonly path?: string;
  /** The fields that the program expects of a file: its columns are converted to these. Empty: whatever the file has. */
  readonly fields?: readonly Field[];
  readonly options?: Readonly<Record<string, number | string | boolean>>;
}

export interface OpenOptions {
  /** `--data DIR`; without it `$NMC_DATA`, else a folder in the user's cache. */
  readonly dataDirectory?: string;
  readonly seed: number;
}

interface Request {
  readonly reference: DataReference;
  readonly directory: string;
  readonly seed: number;
  readonly fields: readonly Field[];
}

interface Source {
  readonly entry?: CatalogueEntry;
  /** Names of the options it takes. */
  readonly options?: readonly string[];
  readonly open: (request: Request) => Promise<Dataset>;
}

const TEXT_OPTIONS = ['window', 'stride', 'unit', 'tokenizer'];
const MAX_WINDOW = 1_000_000;

/** Each loads its reader when it is opened: formats bring libraries, and most runs need one of them. */
const SOURCES: Readonly<Record<string, Source>> = {
  glyphs: {
    entry: CATALOGUE.glyphs,
    options: ['rotated', 'samples'],
    open: async ({ reference, seed }) => {
      const { glyphs } = await import('./sources/glyphs.ts');
      const samples = reference.options?.samples;
      const rotated = isTrue(reference.options?.rotated);
      return glyphs(reference.split as GlyphSplit, {
        seed,
        rotated,
        drawn: builtSheets(reference.split, seed, rotated),
        ...(samples === undefined ? {} : { samples: wholeOption(reference, 'samples', 0, 10_000_000) }),
        ...(reference.range ? { needed: reference.range[1] + 1 } : {}),
      });
    },
  },
  senses: {
    entry: CATALOGUE.senses,
    open: async ({ reference, seed }) => {
      const { senses } = await import('./sources/senses.ts');
      return senses(reference.split as SenseSplit, { seed, drawn: builtSheets(reference.split, seed, false) });
    },
  },
  tracking: {
    entry: CATALOGUE.tracking,
    options: ['steps'],
    open: async ({ reference, seed }) => {
      const { tracking } = await import('./sources/tracking.ts');
      const steps = wholeOption(reference, 'steps', TRACKING_STEPS, 100_000);
      return tracking(reference.split as TrackingSplit, { seed, steps });
    },
  },
  mnist: {
    entry: CATALOGUE.mnist,
    open: async ({ reference, directory, fields }) => {
      const { openDigits } = await import('./sources/digits.ts');
      return openDigits(directory, { set: 'mnist', folderName: 'mnist', split: reference.split, fields });
    },
  },
  fashion_mnist: {
    entry: CATALOGUE.fashion_mnist,
    open: async ({ reference, directory, fields }) => {
      const { openDigits } = await import('./sources/digits.ts');
      return openDigits(directory, {
        set: 'fashion_mnist',
        folderName: 'fashion-mnist',
        split: reference.split,
        fields,
      });
    },
  },
  cifar10: {
    entry: CATALOGUE.cifar10,
    open: async ({ reference, directory, fields }) => {
      const { openCifar10 } = await import('./sources/cifar10.ts');
      return openCifar10(directory, reference.split, fields);
    },
  },
  shakespeare: {
    entry: CATALOGUE.shakespeare,
    options: TEXT_OPTIONS,
    open: async ({ reference, directory }) => {
      const { openShakespeare } = await import('./sources/shakespeare.ts');
      return openShakespeare(directory, textOptions(reference));
    },
  },
  text: {
    entry: CATALOGUE.text,
    options: ['path', ...TEXT_OPTIONS],
    open: async ({ reference }) => {
      const path = pathOf(reference, 'data.text("book.txt")');
      const { openText } = await import('./sources/text.ts');
      return openText(path, { ...textOptions(reference), name: basename(path) });
    },
  },
  file: {
    options: ['path', 'length'],
    open: async ({ reference, fields }) => {
      const path = pathOf(reference, 'data.file("digits.npz")');
      const { openFile } = await import('./sources/file.ts');
      return openFile(
        path,
        fields.length > 0 ? fields : undefined,
        wholeOption(reference, 'length', TEXT_LENGTH, 1_000_000),
      );
    },
  },
};

/**
 * Opens what `reference` names. Begin it early and await it late: unpacking runs beside other work.
 * UserError: `data/source`, `data/split`, `data/option`, `data/missing`, `data/format`, `data/field`, `data/range`.
 */
export async function openDataset(reference: DataReference, options: OpenOptions): Promise<Dataset> {
  const source = Object.hasOwn(SOURCES, reference.source) ? SOURCES[reference.source] : undefined;
  if (!source) {
    const known = Object.keys(SOURCES).map((name) => `data.${name}`);
    throw new UserError('data/source', `there is no data.${reference.source}`, `there are: ${known.join(', ')}`);
  }
  checkSplit(reference, source.entry);
  checkOptions(reference, source.options ?? []);
  const directory = dataDirectory(options.dataDirectory);
  const { steps, range, part, moved } = reference;
  const given = reference.fields?.map((f) => (steps === undefined ? f : { ...f, shape: f.shape.slice(1) }));
  const fields = source.entry?.fields ?? given ?? [];
  const dataset = await source.open({ reference, directory, seed: options.seed, fields });
  const rows = range ? slice(dataset, ...range) : dataset;
  const samples = steps === undefined ? rows : sequences(rows, steps);
  const parts = part ? divide(samples, part) : samples;
  return moved ? { ...parts, moved } : parts;
}

function checkSplit({ source, split }: DataReference, entry: CatalogueEntry | undefined): void {
  if (!entry || entry.splits.includes(split)) return;
  const known = entry.splits.map((name) => `data.${source}.${name}`).join(' and ');
  throw new UserError('data/split', `data.${source} has no part \`${split}\``, `it has ${known}`);
}

function checkOptions({ source, options = {} }: DataReference, known: readonly string[]): void {
  const wrong = Object.keys(options).find((name) => !known.includes(name));
  if (wrong === undefined) return;
  const repair = known.length > 0 ? `it takes ${known.join(', ')}` : 'it takes none';
  throw new UserError('data/option', `data.${source} has no option \`${wrong}\``, repair);
}

function wholeOption({ source, options }: DataReference, name: string, missing: number, most: number): number {
  const value = options?.[name] ?? missing;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new UserError('data/option', `data.${source}: \`${name}\` must be a whole number from 1 to ${most}`);
}

function textOptions(reference: DataReference): Omit<TextOptions, 'name'> {
  const window = wholeOption(reference, 'window', TEXT_WINDOW, MAX_WINDOW);
  const stride = wholeOption(reference, 'stride', window, MAX_WINDOW);
  const { unit = 'characters', tokenizer } = reference.options ?? {};
  if (typeof tokenizer === 'string') {
    if (unit === 'characters') return { split: reference.split, window, stride, unit, tokenizer };
    throw new UserError(
      'data/option',
      `data.${reference.source}: \`unit = ${unit}\` and \`tokenizer\` both say what the ids are`,
      'leave one of them out',
    );
  }
  if (unit === 'characters' || unit === 'bytes') return { split: reference.split, window, stride, unit };
  throw new UserError('data/option', `data.${reference.source}: \`unit\` must be characters or bytes`);
}

function pathOf({ source, path }: DataReference, example: string): string {
  if (path !== undefined && path !== '') return path;
  throw new UserError('data/source', `data.${source} needs the path of a file`, example);
}

const isTrue = (value: unknown): boolean => value === true || value === 1 || value === 'true';
