/** JSON from outside, held against bounds before it is parsed: small text can stand for a lot of memory. */
import { UserError } from '../support/errors.ts';

const MAX_DEPTH = 32;
/** Lists, objects and names together: each costs ten times its text and more. */
const MAX_PARTS = 1_000_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
/** `[` and `{`, as `]` and `}`, are apart in this bit only. */
const CURLY = 0x20;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** @param mostValues in all lists and objects together. @throws UserError `serve/body` */
export function checkedJson(bytes: Uint8Array, mostValues: number): unknown {
  checkStructure(bytes, mostValues);
  const text = decoded(bytes);
  if (POISON.test(text))
    throw wrong('the body has a field named __proto__ or constructor', 'leave it out: it is not a field of a sample');
  try {
    return JSON.parse(text);
  } catch {
    throw wrong('the body is not JSON');
  }
}

/** One pass over the bytes; whatever is not JSON passes here and is found by the parser. */
function checkStructure(bytes: Uint8Array, mostValues: number): void {
  let depth = 0;
  let values = 1;
  let parts = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte === QUOTE) i = endOfString(bytes, i);
    else if ((byte | CURLY) === OPEN) {
      parts++;
      if (++depth > MAX_DEPTH) throw wrong(`the body is nested deeper than ${MAX_DEPTH} levels`);
    } else if ((byte | CURLY) === CLOSE) depth--;
    else if (byte === COLON) parts++;
    else if (byte === COMMA) values++;
    if (parts > MAX_PARTS)
      throw wrong(
        `the body has more than ${MAX_PARTS} lists, objects and names`,
        'send fewer samples, or flat lists of numbers',
      );
    if (values > mostValues)
      throw wrong(`the body has more than ${mostValues} values, more than any samples need`, 'send several requests');
  }
}

/** @returns where its closing quote is */
function endOfString(bytes: Uint8Array, start: number): number {
  for (let i = start + 1; i < bytes.length; i++) {
    if (bytes[i] === BACKSLASH) i++;
    else if (bytes[i] === QUOTE) return i;
  }
  return bytes.length;
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw wrong('the body is not UTF-8', 'send JSON in UTF-8');
  }
}

/** A name as JSON can write it: each letter as itself or by its number. */
function written(name: string): string {
  const letters = [...name].map((letter) => {
    const number = letter.charCodeAt(0).toString(16).padStart(4, '0');
    const digits = number.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
    return `(?:${letter}|\\\\u${digits})`;
  });
  return `"${letters.join('')}"\\s*:`;
}

/** Fields hold lists of numbers, so that `constructor` with an object is none. */
const POISON = new RegExp(`${written('__proto__')}|${written('constructor')}\\s*\\{`);

function wrong(message: string, repair = 'send {"field": […]}'): UserError {
  return new UserError('serve/body', message, repair);
}
