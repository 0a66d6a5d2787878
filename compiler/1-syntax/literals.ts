/** Reads the literals of numbers and texts, and reports what is wrong with those that cannot be read. */
import { diagnostic } from '../diagnostics/codes.ts';
import type { Diagnostic, Span } from '../diagnostics/diagnostic.ts';
import { closest } from '../diagnostics/suggest.ts';
import { UNITS } from './units.ts';

export interface NumberParts {
  readonly digits: string;
  readonly unit: string | undefined;
}

/** `3.0e-4` and `5Mbit/s` taken apart; also `.5` and `5.`, which are reported but understood. */
export function splitNumber(image: string): NumberParts {
  const digits = /^(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/.exec(image)?.[0] ?? '0';
  const unit = image.slice(digits.length);
  return { digits, unit: unit === '' ? undefined : unit };
}

export function numberValue(digits: string): number {
  return Number(digits);
}

/** The one thing wrong with a number, if anything is. */
export function checkNumber(image: string, at: Span): Diagnostic | undefined {
  const { digits, unit } = splitNumber(image);
  return checkSpelling(image, digits, unit, at) ?? checkSize(digits, at) ?? checkUnit(digits, unit, at);
}

function checkSpelling(image: string, digits: string, unit: string | undefined, at: Span): Diagnostic | undefined {
  if (digits.startsWith('.')) return number(at, 'a digit must stand before the point', `0${image}`);
  if (digits.endsWith('.')) return number(at, 'a digit must stand after the point', `${digits}0`);
  if (unit === undefined) return undefined;
  if (/^_[0-9_]*$/.test(unit)) return number(at, 'digits cannot be grouped', image.replaceAll('_', ''));
  if (digits === '0' && /^[xX][0-9a-fA-F]+$/.test(unit)) {
    return number(at, 'numbers must be decimal', `${Number.parseInt(unit.slice(1), 16)}`);
  }
  if (/^[eE]$/.test(unit)) return number(at, 'an exponent needs digits', `${image}0`);
  return undefined;
}

function checkSize(digits: string, at: Span): Diagnostic | undefined {
  const value = Number(digits);
  if (!Number.isFinite(value)) return number(at, `the largest number is about ${Number.MAX_VALUE.toPrecision(2)}`);
  if (value === 0 && /[1-9]/.test(digits.replace(/[eE].*$/, ''))) {
    return number(at, `so small that it would become 0; the smallest is about ${(2 ** -1022).toPrecision(2)}`);
  }
  if (/^\d+$/.test(digits) && value > Number.MAX_SAFE_INTEGER) {
    return number(at, `whole numbers are exact only up to ${Number.MAX_SAFE_INTEGER}`, `${digits}.0`);
  }
  return undefined;
}

function checkUnit(digits: string, unit: string | undefined, at: Span): Diagnostic | undefined {
  if (unit === undefined || UNITS.has(unit)) return undefined;
  const near = unit === '\u00b5s' || unit === '\u03bcs' ? 'us' : closest(unit, UNITS.keys());
  const place = { ...at, start: at.start + digits.length };
  const reason = `\`${unit}\` is not a unit; the units are ${[...UNITS.keys()].filter((name) => !/^[TGMk]/.test(name)).join(', ')} and their multiples`;
  return diagnostic('syntax/unknown-unit', place, reason, {
    repair:
      near === undefined
        ? 'a word cannot begin with a digit; put an operator between them'
        : `did you mean \`${digits}${near}\`?`,
  });
}

function number(at: Span, reason: string, repair?: string): Diagnostic {
  return diagnostic('syntax/number', at, reason, { repair: repair === undefined ? undefined : `\`${repair}\`` });
}

/** The characters of a text in quotes; an unknown escape stands for its own letter. */
export function stringValue(image: string, closed: boolean): string {
  const inner = image.slice(1, closed ? -1 : undefined);
  return inner.replace(/\\(.)/gs, (_, letter: string) => (letter === 'n' ? '\n' : letter === 't' ? '\t' : letter));
}
