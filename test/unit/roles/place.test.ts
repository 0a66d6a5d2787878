/** Which trainer gets which shard. */
import { describe, expect, test } from 'vitest';
import { type Candidate, place } from '../../../runtime/roles/place.ts';

const trainer = (key: string, more: Partial<Candidate['capability']> = {}, runs = 0): Candidate => ({
  key,
  runs,
  capability: { cores: 1, memory: 10, rate: 1e9, upload: 0, download: 0, machine: key, ...more },
});
const needs = (...flops: number[]) => flops.map((n) => ({ memory: 1, flops: n, bytes: 0 }));
const owners = (...args: Parameters<typeof place>): readonly string[] => place(...args).owners;

describe('a placement', () => {
  test('gives each of two equal trainers a stretch of neighbouring shards', () => {
    expect(owners(needs(9, 9, 9, 9), [trainer('a'), trainer('b')])).toEqual(['a', 'a', 'b', 'b']);
  });

  test('gives a trainer that is three times as fast three times as much', () => {
    const [fast, slow] = [trainer('fast', { rate: 3e9 }), trainer('slow')];
    expect(owners(needs(9, 9, 9, 9), [fast, slow])).toEqual(['fast', 'fast', 'fast', 'slow']);
  });

  test('takes a rate that was not measured for a slow one', () => {
    const [known, unknown] = [trainer('known', { rate: 3e9 }), trainer('unknown', { rate: 0 })];
    expect(owners(needs(9, 9, 9, 9), [known, unknown])).toEqual(['known', 'known', 'known', 'unknown']);
  });

  test('lets trainers of one machine share its rate', () => {
    const [x, y] = [trainer('x', { machine: 'm', rate: 2e9 }), trainer('y', { machine: 'm', rate: 2e9 })];
    const alone = trainer('alone', { rate: 2e9 });
    expect(owners(needs(9, 9, 9, 9), [x, y, alone]).filter((key) => key === 'alone')).toHaveLength(2);
  });

  test('counts the work of a trainer for other runs', () => {
    expect(owners(needs(9, 9), [trainer('busy', {}, 2), trainer('free')])).toEqual(['free', 'free']);
  });

  test('moves only shards that have to move', () => {
    const all = [trainer('a'), trainer('b'), trainer('c')];
    expect(owners(needs(9, 9, 9), all, ['c', 'gone', 'a'])).toEqual(['c', 'b', 'a']);
  });

  test('prefers the key with the smallest reluctance, and never one that is excluded', () => {
    const all = [trainer('a'), trainer('b'), trainer('c')];
    const unwilling = (key: string): number => ({ a: Number.POSITIVE_INFINITY, b: 1 })[key] ?? 0;
    expect(owners(needs(9), all, [], unwilling)).toEqual(['c']);
    expect(owners(needs(9), all.slice(0, 2), ['a'], unwilling)).toEqual(['b']);
    expect(place(needs(9), all.slice(0, 1), [], unwilling)).toMatchObject({ owners: [], problem: /shard 0/ });
  });

  test('fills no memory beyond what was lent', () => {
    const [small, large] = [trainer('small', { memory: 1 }), trainer('large', { memory: 2 })];
    expect([...owners(needs(9, 9, 9), [small, large])].sort()).toEqual(['large', 'large', 'small']);
    expect(place(needs(9, 9, 9, 9), [small, large]).problem).toContain('shard 3');
  });

  test('says so where there is no trainer', () => {
    expect(place(needs(9), [])).toEqual({ owners: [], problem: 'there is no trainer' });
  });
});
