/** `config.json` of a run: everything needed to know, rebuild and resume it. Written when the run begins, and again where its end is moved. */

import { createHash } from 'node:crypto';
import { nmc } from '../support/command-text.ts';
import { UserError } from '../support/errors.ts';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export interface RunConfig {
  /** Name of the model in its source. */
  readonly model: string;
  /** Name of the task that trains it. */
  readonly task: string;
  /** Settings that the run was started with: epochs, batch, learning rates, device, overrides from the command line. */
  readonly settings: { readonly [name: string]: JsonValue };
  readonly compilerVersion: string;
  readonly seed: number;
  readonly parameterCount: number;
  /** The `.pcn` text that was compiled, and where it came from. */
  readonly source: { readonly path: string; readonly text: string };
}

const FORMAT = 'nmc-run-1';

export function printRunConfig(config: RunConfig): string {
  const { source, ...rest } = config;
  const sourceWithHash = { path: source.path, sha256: sha256(source.text), text: source.text };
  return `${JSON.stringify({ format: FORMAT, ...rest, source: sourceWithHash }, null, 2)}\n`;
}

/**
 * @param place how messages name the file
 * @throws UserError `run/not-a-run` for JSON of something else, `run/config-corrupt` for a broken or edited one
 */
export function parseRunConfig(text: string, place: string): RunConfig {
  const value = parseJson(text, place);
  if (!isRecord(value) || typeof value.format !== 'string' || !value.format.startsWith('nmc-run-')) {
    throw new UserError('run/not-a-run', `${place} is not the config.json of a training run`, REPAIR);
  }
  if (value.format !== FORMAT) {
    throw new UserError(
      'run/version',
      `${place} has format "${value.format}", this version reads "${FORMAT}"`,
      'use the version that made the run (compilerVersion in the file)',
    );
  }
  const { model, task, settings, compilerVersion, seed, parameterCount, source } = value;
  if (typeof model !== 'string') throw broken(place, '"model" should be a text');
  if (typeof task !== 'string') throw broken(place, '"task" should be a text');
  if (!isRecord(settings)) throw broken(place, '"settings" should be an object');
  if (typeof compilerVersion !== 'string') throw broken(place, '"compilerVersion" should be a text');
  if (typeof seed !== 'number') throw broken(place, '"seed" should be a number');
  if (typeof parameterCount !== 'number') throw broken(place, '"parameterCount" should be a number');
  if (!isRecord(source) || typeof source.path !== 'string' || typeof source.text !== 'string') {
    throw broken(place, '"source" should hold "path" and "text"');
  }
  if (source.sha256 !== sha256(source.text)) {
    throw broken(place, '"source.text" does not have the hash "source.sha256": it was changed after training began');
  }
  const { path, text: sourceText } = source;
  return { model, task, settings, compilerVersion, seed, parameterCount, source: { path, text: sourceText } };
}

/** sha256 of a text in UTF-8, as hexadecimal digits. */
export function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

const REPAIR = `name a folder that ${nmc`train FILE`} made, such as runs/digits-20261122-1`;

function parseJson(text: string, place: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    throw broken(place, 'it is not JSON');
  }
}

function broken(place: string, reason: string): UserError {
  return new UserError(
    'run/config-corrupt',
    `${place} is damaged: ${reason}`,
    'restore it from a copy, or train again',
  );
}

function isRecord(value: JsonValue | undefined): value is { readonly [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
