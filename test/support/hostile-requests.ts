/** HTTP requests that nobody should send, from a seed: broken lines, foreign headers, JSON that lies, bytes at random. */
import { stream } from '../../spec/random.ts';
import { requestText } from './raw-http.ts';

export interface HostileRequest {
  /** As they are written, one after the other. */
  readonly pieces: readonly Uint8Array[];
  /** A request as it should be, whatever its body holds: it is answered. */
  readonly whole: boolean;
}

const METHODS = ['GET', 'POST', 'HEAD', 'PUT', 'OPTIONS', 'DELETE', 'TRACE', 'PATCH', 'CONNECT', 'get', 'PRI', ''];
const PATHS = [
  ...['/predict', '/predict/classify', '/predict/../predict', '/predict/__proto__', '/predict/%00', '/%zz', '*', ''],
  ...['/healthz', '/metrics', '/openapi.json', '//evil.example/predict', 'http://evil.example/', '/?__proto__[x]=1'],
];
const HEADERS: readonly (readonly [string, string])[] = [
  ['content-type', 'text/plain'],
  ['content-type', 'application/json; charset="'],
  ['content-type', '\u00ff'],
  ['content-length', '18446744073709551616'],
  ['content-length', '-1'],
  ['content-length', '1'],
  ['transfer-encoding', 'chunked'],
  ['transfer-encoding', 'gzip, chunked'],
  ['content-encoding', 'gzip'],
  ['expect', '100-continue'],
  ['expect', 'a miracle'],
  ['upgrade', 'websocket'],
  ['connection', 'upgrade, close, keep-alive'],
  ['host', 'evil.example'],
  ['host', '[::1'],
  ['authorization', `Bearer ${'x'.repeat(600)}`],
  ['cookie', '='.repeat(9000)],
  ['__proto__', 'x'],
];
const VALUES = [
  ...['1e999', '-1e999', '1e-999', '"\\ud800"', '"\\u0000"', 'null', 'true', '{}', '[]', '""', '-0', 'NaN', '0x1'],
  ...['[[[[[[[[]]]]]]]]', '{"__proto__":{}}', '99999999999999999999', '"\ud800"', '"', '[', '{"x":', ',', '\u0000'],
];

/** @param seed the same one gives the same request. @param field of the model, @param size its numbers */
export function hostileRequest(seed: number, field: string, size: number): HostileRequest {
  const rng = stream(seed, 'hostile-request');
  let draws = 0;
  const below = (n: number): number => Math.floor(rng.uniform(draws++) * n);
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const often = (share: number): boolean => rng.uniform(draws++) < share;
  const body = (): string => {
    const numbers = Array.from({ length: often(0.7) ? size : below(2 * size) }, () => String(below(256)));
    if (often(0.6)) numbers[below(numbers.length)] = one(VALUES);
    const sample = `{"${often(0.9) ? field : one(['__proto__', 'constructor', 'x'])}": [${numbers.join(', ')}]}`;
    return often(0.3) ? `[${Array.from({ length: 1 + below(5) }, () => sample).join(',')}]` : sample;
  };
  const headers = Object.fromEntries(Array.from({ length: below(3) }, () => one(HEADERS)));
  let whole = Object.keys(headers).length === 0;
  const line = `${often(0.7) ? 'POST' : one(METHODS)} ${often(0.6) ? '/predict' : one(PATHS)}`;
  whole &&= line === 'POST /predict';
  let bytes = Buffer.from(requestText(line, headers, body()), 'latin1');
  if (often(0.5)) {
    whole = false;
    for (let i = below(8); i > 0; i--) bytes[below(bytes.length)] = below(256);
    if (often(0.3)) bytes = bytes.subarray(0, below(bytes.length));
  }
  if (often(0.1)) bytes = Buffer.concat([bytes, bytes]);
  const cut = often(0.3) ? below(bytes.length) : bytes.length;
  return { pieces: [bytes.subarray(0, cut), bytes.subarray(cut)].filter((p) => p.length > 0), whole };
}
