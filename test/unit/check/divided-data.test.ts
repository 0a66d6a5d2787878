/** `.split(share, seed = n)` behind data: two parts, one of which is named. */
import { describe, expect, test } from 'vitest';
import { checked } from '../../support/check-source.ts';

const source = (data: string): string => `pcn 1
import std/nodes
import std/links
import std/learn
import std/data
model m {
  sense x: f32[4]
  node y: f32[3] = nodes.categorical()
  link x -> y = links.dense()
}
train t of m on ${data} {
  clamp x = sample.x
  clamp y = one_hot(sample.kind, 3)
}
predict p of m {
  clamp x = input.x
  read kind = argmax(y)
}
check accuracy(p.kind, data.file("d.csv", x = f32[4], kind = int).split(0.8, seed = 7).test.kind) >= 0.5
`;
const FILE = 'data.file("d.csv", x = f32[4], kind = int)';

describe('divided data', () => {
  test('have a part to train on and one to measure on', () => {
    const { trains, checks } = checked(source(`${FILE}.split(0.8, seed = 7).train`));
    expect(trains[0]?.data.part).toEqual({ share: 0.8, seed: 7, name: 'train' });
    expect(checks[0]?.data).toMatchObject({ source: 'file', part: { share: 0.8, seed: 7, name: 'test' } });
  });

  test('have a seed where none is named, and may be samples or sequences of a part of the data', () => {
    const { trains } = checked(source(`${FILE}[0..99].split(0.5).train`));
    expect(trains[0]?.data).toMatchObject({ range: [0, 99], part: { share: 0.5, seed: 1, name: 'train' } });
  });
});
