/** Keys and signatures: all implementations agree, files are for their owner alone. */
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { type Ed25519, ed25519, keyPairFromSeed, naclEd25519, nodeEd25519 } from '../../runtime/identity/ed25519.ts';
import { ensureKey, readKey, writeNewKey } from '../../runtime/identity/key-file.ts';
import { keyBytes, keyText } from '../../runtime/identity/key-text.ts';
import { canonicalBytes, canonicalList } from '../../runtime/wire/canonical.ts';
import { hex, sha256 } from '../../runtime/wire/hash.ts';
import { nmc } from '../support/nmc.ts';
import { removeFolder } from '../support/remove-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'nmc-keys-'));
afterAll(() => removeFolder(folder));

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

async function webVerify(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): Promise<boolean> {
  const key = await crypto.subtle.importKey('raw', new Uint8Array(publicKey), 'Ed25519', false, ['verify']);
  return crypto.subtle.verify('Ed25519', key, new Uint8Array(signature), new Uint8Array(message));
}

test('keys and signatures are those of RFC 8032, 7.1, test 2', () => {
  const { publicKey, secretKey } = keyPairFromSeed(
    Buffer.from('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb', 'hex'),
  );
  expect(hex(publicKey)).toBe('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
  expect(hex(nodeEd25519.sign(Uint8Array.of(0x72), secretKey))).toBe(
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  );
});

test('tweetnacl, node:crypto and WebCrypto sign the same bytes and give the same verdicts', async () => {
  const one = fc.record({ seed: bytes(32), message: fc.uint8Array({ maxLength: 300 }), bit: fc.nat(511) });
  await fc.assert(
    fc.asyncProperty(one, async ({ seed, message, bit }) => {
      const { publicKey, secretKey } = keyPairFromSeed(seed);
      const signature = nodeEd25519.sign(message, secretKey);
      expect(naclEd25519.sign(message, secretKey)).toEqual(signature);
      const bent = signature.slice();
      bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
      for (const [candidate, verdict] of [
        [signature, true],
        [bent, false],
      ] as const) {
        expect(naclEd25519.verify(message, candidate, publicKey)).toBe(verdict);
        expect(nodeEd25519.verify(message, candidate, publicKey)).toBe(verdict);
        expect(await webVerify(message, candidate, publicKey)).toBe(verdict);
      }
    }),
    { numRuns: 25, seed: 1 },
  );
});

test.each<[string, Ed25519]>([
  ['node:crypto', nodeEd25519],
  ['tweetnacl', naclEd25519],
])('%s refuses a second spelling of a signature, and a text that is not a key', (_name, implementation) => {
  const { publicKey, secretKey } = keyPairFromSeed(new Uint8Array(32).fill(7));
  const message = Uint8Array.of(1);
  const signature = implementation.sign(message, secretKey);
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  let second = order;
  for (let i = 0; i < 32; i++) second += BigInt(signature[32 + i] as number) << BigInt(8 * i);
  const other = signature.slice();
  for (let i = 0; i < 32; i++) other[32 + i] = Number((second >> BigInt(8 * i)) & 255n);
  expect(implementation.verify(message, signature, publicKey)).toBe(true);
  expect(implementation.verify(message, other, publicKey)).toBe(false);
  expect(implementation.verify(message, signature, new Uint8Array(31))).toBe(false);
  expect(implementation.verify(message, signature.subarray(1), publicKey)).toBe(false);
});

test('texts of every length, in one part or several, have the hash of all their bytes', () => {
  const bytes = Uint8Array.from({ length: 600 }, (_, i) => i * 7);
  for (const length of [0, 1, 64, 65, 255, 256, 257, 600]) {
    const all = bytes.subarray(0, length);
    const whole = createHash('sha256').update(all).digest('hex');
    expect([length, hex(sha256(all)), hex(sha256(all.subarray(0, 1), all.subarray(1)))]).toEqual([
      length,
      whole,
      whole,
    ]);
  }
});

test('lists of texts and numbers have the bytes of their canonical form', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string(),
    fc.constantFrom('"', '\\', '\n', '\u2028', 'a b'),
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(texts, fc.double({ noNaN: true, noDefaultInfinity: true }))), (list) => {
      expect(canonicalList(list)).toEqual(canonicalBytes(list));
    }),
  );
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, '\ud800']) expect(() => canonicalList([bad])).toThrow();
});

test('the fastest implementation is used here', () => {
  expect(ed25519).toBe(nodeEd25519);
});

test('commands that make the first key at once make one key', async () => {
  const env = { NMC_CONFIG: join(folder, 'at-once') };
  const make = async (): Promise<string> => {
    const { code, stdout } = await nmc(['keys', 'new', '--json'], { env });
    const said = JSON.parse(stdout);
    return code === 0 ? said.key : said.code;
  };
  const ends = await Promise.all(Array.from({ length: 6 }, make));
  const { publicKey } = readKey(join(folder, 'at-once/key.json'));
  expect(ends.toSorted()).toEqual([keyText(publicKey), ...Array(5).fill('key/exists')].toSorted());
}, 60_000);

test('a key has exactly one text', () => {
  const { publicKey } = keyPairFromSeed(new Uint8Array(32));
  const text = keyText(publicKey);
  expect(keyBytes(text)).toEqual(publicKey);
  const last = text.charCodeAt(42);
  expect(keyBytes(text.slice(0, 42) + String.fromCharCode(last + 1))).toBeUndefined();
  expect(keyBytes(`${text}A`)).toBeUndefined();
});

test('a key file belongs to its owner alone, is made once, and is refused where others may read it', () => {
  const path = join(folder, 'a/key.json');
  const made = ensureKey(path);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(ensureKey(path)).toEqual(made);
  expect(() => writeNewKey(path)).toThrow('there is already a key');
  chmodSync(path, 0o644);
  expect(() => readKey(path)).toThrow('others may read');
  chmodSync(path, 0o600);
  writeFileSync(path, readFileSync(path, 'utf8').replace('"publicKey":"', '"publicKey":"A'));
  expect(() => readKey(path)).toThrow('do not belong together');
});
