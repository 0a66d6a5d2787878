/** Keys and streams as subjects of NATS, and versions of its servers. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  isMeshName,
  keyOfSubject,
  subjectOfKey,
  subjectOfPrefix,
  tokenOf,
} from '../../../runtime/backplane/nats-names.ts';
import { assertVersion, isAtLeast } from '../../../runtime/backplane/nats-servers.ts';

/** What a server takes: parts that are not empty, without blanks and wildcards. */
const SUBJECT = /^[-\w/=]+(\.[-\w/=]+)*$/;

test('every key has a subject of its own, from which it is read back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
      expect(subjectOfKey(a)).toMatch(SUBJECT);
      expect(keyOfSubject(subjectOfKey(a))).toBe(a);
      expect(subjectOfKey(a) === subjectOfKey(b)).toBe(a === b);
      expect(tokenOf(a)).not.toContain('.');
    }),
    { seed: 7, numRuns: 2_000 },
  );
  expect(['run/a', 'run/', '', 'a.b *>', 'ü'].map(subjectOfKey)).toEqual([
    ...['run.a', 'run.=', '=', 'a=2Eb=20=2A=3E', '=C3=BC'],
  ]);
});

test('keys with a common prefix have subjects with a common pattern', () => {
  expect(['', 'ru', 'run/', 'run/a', 'a/b/c'].map(subjectOfPrefix)).toEqual(['>', '>', 'run.>', 'run.>', 'a.b.>']);
});

test('the name of a mesh fits into the names of streams', () => {
  expect(['mesh', 'a-1', 'A'.repeat(32)].every(isMeshName)).toBe(true);
  expect(['', '-a', 'a b', 'a.b', 'a/b', 'A'.repeat(33), 'a_b'].some(isMeshName)).toBe(false);
});

test('a version is compared by its numbers', () => {
  const least = '2.14.4';
  expect(['2.14.4', '2.14.10', '2.15.0-dev', '3.0.0'].every((v) => isAtLeast(v, least))).toBe(true);
  expect(['2.14.3', '2.9.10', '2.14.0-RC.4', '1.99.99', ''].some((v) => isAtLeast(v, least))).toBe(false);
  expect(() => assertVersion('2.14.3', false)).toThrow('2.14.3 is older than 2.14.4');
  expect(() => assertVersion('2.14.3', true)).not.toThrow();
});
