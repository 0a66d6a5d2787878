/** Words of others reach a terminal as words, and as nothing that a terminal obeys. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { Envelopes } from '../../../runtime/wire/envelope.ts';
import { accept, challenge, type Session } from '../../../runtime/wire/handshake.ts';
import type { Ask, Message } from '../../../runtime/wire/messages.ts';
import { nmc, temporaryFolder } from '../../support/nmc.ts';
import { ROOT, readText } from '../../support/repository.ts';
import { seeded } from '../networked.ts';

const folder = temporaryFolder();
const keys = keyPairFromSeed(seeded(81));
/** Clears a screen, turns text around, sets a title, ends a line, begins another. */
const EVIL = '\u001b[2J\u202edone\u009b31m\u001b]0;x\u0007\r\nall is well\u2028';
const OBEYED = /[^\P{Cc}\n\t]|[\p{Cf}\p{Zl}\p{Zp}]/u;
const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });

afterAll(() => {
  for (const socket of server.clients) socket.terminate();
  server.close();
});

const shard = { shard: 0, state: EVIL, trainer: EVIL, batch: 1, ticksPerSecond: 1, busy: 1 };
const rest = { bytesSent: 1, bytesReceived: 1, borders: 0, direct: 0, reason: EVIL, limit: EVIL };
const capability = { cores: 1, memory: 1, rate: 1, upload: 1, download: 1, machine: EVIL };
const numbers = { epoch: 1, epochs: 1, microbatches: 1, ahead: 0, ownersEpoch: 1 };
const figures = { energy: 1, accuracy: 1, samplesPerSecond: 1, snapshotAge: null, snapshot: null };
const words = { model: EVIL, task: EVIL, state: EVIL, reason: EVIL, schedule: EVIL };
const STATUS = {
  runs: [{ run: EVIL, ...words, ...numbers, ...figures, shards: [{ ...shard, ...rest }] }],
  trainers: [{ name: EVIL, key: EVIL, state: EVIL, pid: 1, refused: 0, capability }],
  refused: { [EVIL]: 3 },
  relayedBytes: 1,
  more: 0,
};

function answerTo({ id, ask }: Ask): Message {
  if (ask.what === 'status') return { type: 'answer', id, answer: STATUS };
  if (ask.what !== 'logs') return { type: 'answer', id, error: { code: EVIL, message: EVIL, repair: EVIL } };
  const records = [{ sequence: 1, time: 1, event: EVIL, trainer: EVIL, more: { [EVIL]: EVIL } }];
  return { type: 'answer', id, answer: { records: ask.from > 1 ? [] : records } };
}

/** @param refuse closes in the middle of the handshake, with such words */
function meet(socket: WebSocket, refuse: boolean): void {
  let session: Session | undefined;
  let envelopes: Envelopes | undefined;
  socket.on('message', (data) => {
    const value: unknown = JSON.parse(String(data));
    if (envelopes) {
      const message = envelopes.open(String(data));
      if (typeof message !== 'string' && message.type === 'ask') socket.send(envelopes.seal(answerTo(message)));
      if (typeof message !== 'string' && message.type === 'member')
        socket.send(envelopes.seal({ type: 'dismissed', reason: EVIL }));
    } else if (!session) {
      const answer = challenge(value, keys, seeded(5));
      if (refuse || typeof answer === 'string') return socket.close(4001, EVIL);
      session = answer.session;
      socket.send(JSON.stringify(answer.challenge));
    } else if (typeof accept(session, value, keys.publicKey, () => undefined) !== 'string') {
      envelopes = new Envelopes(session, keys);
      socket.send(JSON.stringify({ v: '3.0', type: 'welcome' }));
    }
    return undefined;
  });
}

let refusing = false;
server.on('connection', (socket) => meet(socket, refusing));

async function told(...args: string[]): Promise<string> {
  const { port } = server.address() as { readonly port: number };
  const mesh = args[0] === 'join' ? [] : ['--mesh', `127.0.0.1:${port}`];
  const all = args.map((arg) => arg.replace('PORT', String(port)));
  const outcome = await nmc([...all, ...mesh], { cwd: folder, env: { NMC_CONFIG: join(folder, 'config') } });
  expect([0, 2, 3], outcome.stderr).toContain(outcome.code);
  return outcome.stdout + outcome.stderr;
}

test('texts of a hostile mesh are shown without their control characters', { timeout: 60_000 }, async () => {
  const join = ['join', '127.0.0.1:PORT', '--device', 'reference', '--name', 'me'];
  const commands = [['status'], ['status', '--json'], ['logs', 'r'], ['logs', 'r', '--json'], ['stop', 'r'], join];
  for (const text of await Promise.all(commands.map((args) => told(...args)))) {
    expect(text).not.toMatch(OBEYED);
    expect(text).toContain('[2J');
    // No line of theirs looks like one of ours.
    expect(text).not.toMatch(/^all is well/m);
  }
  refusing = true;
  const refused = await told('status');
  expect(refused).not.toMatch(OBEYED);
  expect(refused).toContain('refused the connection: \\x1b[2J');
});

test('commands that talk to a mesh print only through the function that removes control characters', () => {
  const talks = readdirSync(join(ROOT, 'runtime/cli'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `runtime/cli/${file}`)
    .filter((file) => /from '(\.\.\/)+net\/|mesh-link/.test(readText(file)));
  expect(talks.length).toBeGreaterThan(10);
  const allowed = /^(printed`|printableLines\(|'|`\$\{(jsonLine|printableLines)\(|(?:status|placement)Text\()/;
  const wrong = talks.flatMap((file) =>
    [...readText(file).matchAll(/std(?:out|err)\.write\(\s*([^\n]{0,60})/g)].flatMap(([, first = '']) =>
      allowed.test(first) ? [] : [`${file}: ${first}`],
    ),
  );
  expect(wrong).toEqual([]);
});
