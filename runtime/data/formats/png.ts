/** Pictures: PNG files and folders of them, as bytes of one grey or three colour channels. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { reasonOf } from '../../../spec/reason-of.ts';
import { boundedCount, ofPresent, zeroedBytes } from '../../support/bounded.ts';
import type { Column, Field } from '../dataset.ts';
import { lookAlikes } from './alike.ts';
import { badData, looksLike } from './bad-data.ts';
import { DEFLATE_RATIO, MAX_BYTES, readBytes } from './bytes.ts';
import type { Table } from './table.ts';

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** height × width × 3, transparent places on white. */
  readonly colours: Uint8Array;
  /** Red, green and blue agree everywhere. */
  readonly grey: boolean;
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** The most pixels of one picture; and interlaced files are unpacked with no bound, so they must be small. */
const MAX_PIXELS = 64 * 1024 ** 2;
const MAX_INTERLACED_PIXELS = 256 * 1024;

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

export function parsePng(path: string, bytes: Uint8Array): Picture {
  checkHeader(path, bytes);
  let png: PNG;
  try {
    png = PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (failure) {
    const detail = reasonOf(failure);
    throw badData(path, '', `the picture is damaged (${detail})`);
  }
  return onWhite(png);
}

/** Everything that decides how much memory decoding takes, before decoding. */
function checkHeader(path: string, bytes: Uint8Array): void {
  if (!isPng(bytes)) throw badData(path, 'byte 0', `PNG expected, found ${looksLike(bytes)}`);
  if (bytes.length < 33) throw badData(path, `byte ${bytes.length}`, 'the file ends inside its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = view.getUint32(16);
  const height = view.getUint32(20);
  const pixels = width * height;
  if (pixels === 0 || pixels > MAX_PIXELS) {
    throw badData(path, 'byte 16', `a picture of ${width} x ${height} pixels; 1 to ${MAX_PIXELS} pixels are read`);
  }
  if (pixels / 8 > bytes.length * DEFLATE_RATIO) {
    throw badData(path, 'byte 16', `${width} x ${height} pixels cannot lie in ${bytes.length} bytes`);
  }
  if (bytes[24] === 16) {
    const problem = 'a picture with 16 bits per colour, while a field takes 8';
    throw badData(path, 'byte 24', problem, 'save it with 8 bits, or as NPZ with numbers');
  }
  if (isAnimated(bytes, view)) throw badData(path, '', 'a picture of several frames', 'save one of the frames');
  if (bytes[28] === 1 && bytes.length > MAX_INTERLACED_PIXELS) {
    throw badData(path, 'byte 28', 'interlaced pictures are only read up to 256 KiB', 'save it without interlacing');
  }
}

/** A chunk says so before the first one of pixels: readers that do not know it show the first frame. */
function isAnimated(bytes: Uint8Array, view: DataView): boolean {
  let at = 8;
  while (at + 8 <= bytes.length) {
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kind === 'acTL' || kind === 'IDAT') return kind === 'acTL';
    at += 12 + view.getUint32(at);
  }
  return false;
}

function onWhite(png: PNG): Picture {
  const { width, height, data } = png;
  const colours = zeroedBytes(boundedCount(width * height * 3, 3 * MAX_PIXELS, 'pixels of a picture'));
  let grey = true;
  for (let p = 0; p < width * height; p++) {
    const alpha = data[4 * p + 3] as number;
    for (let c = 0; c < 3; c++) {
      const colour = data[4 * p + c] as number;
      colours[3 * p + c] = alpha === 255 ? colour : Math.round((colour * alpha + 255 * (255 - alpha)) / 255);
    }
    grey &&= colours[3 * p] === colours[3 * p + 1] && colours[3 * p] === colours[3 * p + 2];
  }
  return { width, height, colours, grey };
}

/** Luma of ITU-R BT.601 for colour pictures. */
export function toGrey(picture: Picture): Uint8Array {
  const { colours } = picture;
  const out = zeroedBytes(ofPresent(colours.length / 3));
  for (let p = 0; p < out.length; p++) {
    const [r = 0, g = 0, b = 0] = colours.subarray(3 * p, 3 * p + 3);
    out[p] = picture.grey ? r : Math.round(0.299 * r + 0.587 * g + 0.114 * b);
  }
  return out;
}

/** One picture, or all of a folder by name; sub-folders are classes, numbered by name, in the field `label`. */
export async function readPictures(
  path: string,
  folder: boolean,
  wanted: readonly Field[] | undefined,
): Promise<Table> {
  const { files, classes } = folder ? await listPictures(path) : { files: [{ name: path, label: undefined }] };
  if (files.length === 0) throw badData(path, '', 'the folder holds no .png file');
  const pictures: Picture[] = [];
  let bytes = 0;
  for (const { name } of files) {
    const file = folder ? join(path, name) : name;
    const picture = parsePng(file, await readBytes(file));
    bytes += picture.colours.length;
    if (bytes > MAX_BYTES) throw badData(path, '', `its pictures take more than ${MAX_BYTES} bytes`);
    checkSize(file, picture, pictures[0], files[0]?.name ?? '');
    pictures.push(picture);
  }
  const image = imageColumn(path, pictures, wanted);
  const labels = Int32Array.from(files, ({ label }) => label ?? 0);
  const label: Column = { field: { name: 'label', type: 'i32', shape: [] }, data: labels };
  const labelled = files[0]?.label !== undefined;
  return {
    ...(classes ? { classes: { label: classes } } : {}),
    columns: labelled ? [image, label] : [image],
    rowNames: files.map(({ name }) => name),
    unnamed: !labelled,
  };
}

interface Listed {
  readonly files: readonly { readonly name: string; readonly label: number | undefined }[];
  readonly classes?: readonly string[];
}

/** @throws UserError `data/format` for a sub-folder without pictures: counted, it would move every class behind it */
async function listPictures(path: string): Promise<Listed> {
  const own = await picturesIn(path);
  const classes = await foldersIn(path);
  const alike = lookAlikes(classes);
  if (alike)
    throw badData(path, '', `its folders "${alike[0]}" and "${alike[1]}" are two classes, or one written in two ways`);
  if (own.length > 0) {
    const [first] = classes;
    if (first !== undefined) {
      const problem = `it holds pictures such as ${own[0]}, and the folder ${first}: samples without classes, or classes`;
      throw badData(path, '', problem, 'move either away');
    }
    return { files: own.map((name) => ({ name, label: undefined })) };
  }
  const files: { name: string; label: number }[] = [];
  for (const [label, name] of classes.entries()) {
    const pictures = await picturesIn(join(path, name));
    const [inner] = await foldersIn(join(path, name));
    if (pictures.length > 0 && inner !== undefined) {
      const problem = `the folder of a class holds pictures, and the folder ${inner}, of which none would be read`;
      throw badData(join(path, name), '', problem, 'put all pictures of a class beside each other');
    }
    if (pictures.length === 0)
      throw badData(join(path, name), '', 'the folder of a class holds no .png file', 'fill it, or move it away');
    for (const file of pictures) files.push({ name: join(name, file), label });
  }
  return { files, classes };
}

/** A link that leads nowhere is none: reading it tells. */
async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ?? false;
}

/** Sub-folders by name, but those that programs leave. */
async function foldersIn(path: string): Promise<string[]> {
  const folders = (await list(path)).filter((entry) => entry.folder && !isBookkeeping(entry.name));
  return sortNames(folders.map((entry) => entry.name));
}

/** Folders that programs leave beside the data: of Jupyter, of macOS, of version control. */
function isBookkeeping(name: string): boolean {
  return name.startsWith('.') || name === '__MACOSX' || name === '__pycache__';
}

async function picturesIn(path: string): Promise<string[]> {
  const names = (await list(path)).filter((entry) => !entry.folder).map((entry) => entry.name);
  // macOS keeps what it knows of `a.png` in `._a.png`.
  const shown = names.filter((name) => !name.startsWith('.'));
  const pictures = sortNames(shown.filter((name) => name.toLowerCase().endsWith('.png')));
  const other = shown.find((name) => OTHER_PICTURES.test(name));
  if (pictures.length > 0 && other !== undefined)
    throw badData(
      path,
      '',
      `it holds ${other}, which is not a PNG, and would be left out`,
      'convert it, or move it away',
    );
  return pictures;
}

const OTHER_PICTURES = /\.(jpe?g|gif|bmp|webp|tiff?|ppm|pgm)$/i;

interface Entry {
  readonly name: string;
  readonly folder: boolean;
}

/** A link is what it leads to: a folder of links to other folders has their classes. */
async function list(path: string): Promise<Entry[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return await Promise.all(
      entries.map(async (entry) => ({
        name: entry.name,
        folder: entry.isSymbolicLink() ? await isFolder(join(path, entry.name)) : entry.isDirectory(),
      })),
    );
  } catch (failure) {
    throw badData(path, '', `the folder cannot be read (${reasonOf(failure)})`);
  }
}

/** `2.png` before `10.png`; `1.png` and `01.png` in one order on every machine. */
function sortNames(names: string[]): string[] {
  const collator = new Intl.Collator('en', { numeric: true });
  return names.sort((a, b) => collator.compare(a, b) || (a < b ? -1 : 1));
}

function checkSize(file: string, picture: Picture, first: Picture | undefined, firstName: string): void {
  if (!first || (first.width === picture.width && first.height === picture.height)) return;
  const own = `${picture.width} x ${picture.height}`;
  throw badData(file, '', `${own} pixels, but ${firstName} has ${first.width} x ${first.height}`, 'give all one size');
}

/** The pictures with as many channels as the wanted field has; else three if any has colour. */
function imageColumn(path: string, pictures: readonly Picture[], wanted: readonly Field[] | undefined): Column {
  const [first] = pictures as [Picture];
  const { width, height } = first;
  const field = wanted?.find((f) => f.name === 'image') ?? (wanted?.length === 1 ? wanted[0] : undefined);
  const size = field?.shape.reduce((product, n) => product * n, 1);
  if (field && size !== width * height && size !== width * height * 3) {
    const shape = field.shape.join(', ');
    throw badData(
      path,
      '',
      `the picture has ${width} x ${height} pixels, but \`${field.name}\` is ${field.type}[${shape}] (height, width)`,
      'scale it to that size first',
    );
  }
  const grey = size === undefined ? pictures.every((picture) => picture.grey) : size === width * height;
  const pixels = width * height * (grey ? 1 : 3);
  const data = zeroedBytes(boundedCount(pictures.length * pixels, MAX_BYTES, `pixels of ${path}`));
  for (const [p, picture] of pictures.entries()) data.set(grey ? toGrey(picture) : picture.colours, p * pixels);
  return { field: { name: 'image', type: 'u8', shape: grey ? [height, width] : [height, width, 3] }, data };
}
