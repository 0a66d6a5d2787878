/**
 * Chevrotain as the one file that its package carries: the form that its `exports` name is 700 modules (all of
 * lodash-es), and loading those took half of the start-up time of every command.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

// lib/src/api.js
const entry = createRequire(import.meta.url).resolve('chevrotain');
const bundle = pathToFileURL(join(entry, '..', '..', 'chevrotain.min.mjs'));

export const { createToken, EmbeddedActionsParser, EOF, Lexer, tokenMatcher } = (await import(
  /* @vite-ignore */ bundle.href
)) as typeof import('chevrotain');
