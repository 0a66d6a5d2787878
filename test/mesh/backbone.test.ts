/** Words between synchronizers: in the order in which they were said, few messages, and none lost in silence. */
import { expect, test } from 'vitest';
import { Backbone, type Word } from '../../runtime/net/backbone.ts';
import { memoryBackplane } from '../support/memory-backplane.ts';
import { waitUntil } from '../support/wait-for.ts';

function two() {
  const backplane = memoryBackplane();
  const [heard, missed]: [Word[], string[]] = [[], []];
  let messages = 0;
  const end = backplane.subscribe('synchronizers', () => messages++);
  const open = (self: string): Backbone =>
    new Backbone({
      ...{ backplane, self },
      hear: (_from, word) => heard.push(word),
      missed: (from) => missed.push(from),
      failed: (error) => {
        throw error;
      },
    });
  const [one, other] = [open('one'), open('other')];
  const close = (): void => {
    end();
    one.close();
    other.close();
  };
  return { backplane, one, heard, missed, close, messages: () => messages };
}

const beat = (key: string): Word => ({ kind: 'said', key, message: { type: 'heartbeat', shards: [], refused: 0 } });
const pulse = (key: string): Word => ({ kind: 'alive', key, instance: '1' });

test('signs of life go together, and before what is said behind them', async () => {
  const { one, heard, missed, close, messages } = two();
  const words = [beat('a'), pulse('b'), beat('b')];
  for (const word of words) void one.say(word);
  expect(heard).toEqual([]);
  await one.say({ kind: 'keys', entry: 'key/a' });
  expect(heard).toEqual([...words, { kind: 'keys', entry: 'key/a' }]);
  expect(messages()).toBe(2);
  // With nothing behind it a sign of life is said after a moment.
  void one.say(pulse('c'));
  await waitUntil('the sign of life', () => heard.length === 5);
  expect(missed).toEqual([]);
  close();
});

test('a word that was lost is noticed, and a long one is heard as a whole', async () => {
  const { backplane, one, heard, missed, close } = two();
  const long: Word = { kind: 'dismiss', key: 'k', reason: 'x'.repeat(500_000) };
  await one.say(long);
  expect(heard).toEqual([long]);
  const { publish } = backplane;
  backplane.publish = async () => undefined;
  await one.say({ kind: 'keys', entry: 'key/a' });
  backplane.publish = publish;
  await one.say({ kind: 'gone' });
  expect(heard).toEqual([long, { kind: 'gone' }]);
  expect(missed).toEqual(['one']);
  close();
});
