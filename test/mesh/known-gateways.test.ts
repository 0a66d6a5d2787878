/** The gateways that a trainer knows: whom it may go to when its own is away. */
import { expect, test } from 'vitest';
import { addressText, parseAddress } from '../../runtime/net/address.ts';
import { KnownGateways } from '../../runtime/net/known-gateways.ts';

/** Where it goes, until it comes round. */
function tour(first: string, told: readonly string[]): string[] {
  const gateways = new KnownGateways(parseAddress(first));
  gateways.learn(told);
  return Array.from({ length: gateways.count }, () => {
    const at = addressText(gateways.current);
    gateways.next();
    return at;
  });
}

test('it goes from one to the next, and comes back to the first', () => {
  expect(tour('127.0.0.1:1', ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:2'])).toEqual(['127.0.0.1:1', '127.0.0.1:2']);
  const alone = new KnownGateways(parseAddress('a.example'));
  alone.next();
  expect(addressText(alone.current)).toBe('a.example:7420');
});

test('no mesh sends it where more could be read on the way than before', () => {
  expect(tour('wss://a.example', ['ws://b.example', 'wss://c.example'])).toEqual([
    'wss://a.example:7420',
    'wss://c.example:7420',
  ]);
  expect(tour('127.0.0.1:1', ['b.example', 'wss://c.example'])).toEqual(['127.0.0.1:1', 'wss://c.example:7420']);
  expect(tour('a.example', ['b.example'])).toEqual(['a.example:7420', 'b.example:7420']);
});

test('text that is not an address is left out, and no more than 16 are kept', () => {
  expect(tour('a.example', ['', 'http://x/y', 'b.example/path', '\u0000'])).toHaveLength(1);
  expect(
    tour(
      'a.example',
      Array.from({ length: 100 }, (_, i) => `b${i}.example`),
    ),
  ).toHaveLength(16);
});
