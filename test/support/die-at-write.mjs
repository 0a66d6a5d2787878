// Loaded before a program (`node --import`): ends the process, as kill -9 does, in the middle of its N-th change to the
// file system. NMC_TEST_DIE_AT=N; NMC_TEST_DIE_IN=thread counts those of
// threads alone; NMC_TEST_COUNT=FILE writes how many changes there were.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const changes = [
  'mkdirSync',
  'renameSync',
  'linkSync',
  'rmSync',
  'writeFileSync',
  'writeSync',
  'fsyncSync',
  'ftruncateSync',
];
const dieAt = Number(process.env.NMC_TEST_DIE_AT ?? 0);
const countFile = process.env.NMC_TEST_COUNT;
let count = 0;

if (isMainThread !== (process.env.NMC_TEST_DIE_IN === 'thread')) {
  const { writeSync, writeFileSync } = fs;
  for (const name of changes) {
    const original = fs[name];
    fs[name] = (...args) => {
      count += 1;
      if (count === dieAt) {
        // Of a write, the first half is done.
        if (name === 'writeSync' && ArrayBuffer.isView(args[1])) writeSync(args[0], args[1], args[2], args[3] >> 1);
        process.kill(process.pid, 'SIGKILL');
      }
      return original(...args);
    };
  }
  syncBuiltinESMExports();
  if (countFile) process.on('exit', () => writeFileSync(countFile, String(count)));
}
