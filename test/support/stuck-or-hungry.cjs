/**
 * Loaded into a trainer before anything else (NODE_OPTIONS): what hostile work does to a process, without the work.
 * HOSTILE=hungry: it takes more and more memory; HOSTILE=stuck: its device never answers
 * once the file HOSTILE_ARMED is there, and the file HOSTILE_SAYS tells that it was asked.
 */
const { appendFileSync, existsSync } = require('node:fs');
const { isMainThread } = require('node:worker_threads');
const Module = require('node:module');

if (process.env.HOSTILE === 'hungry' && process.send && isMainThread) {
  const send = process.send.bind(process);
  const held = [];
  process.send = (message) => {
    // The runtime has been measured: from here on there is work of others.
    if (message.event === 'runtime') setInterval(() => held.push(Buffer.alloc(16e6, 1)), 20);
    return send(message);
  };
}

if (process.env.HOSTILE === 'stuck' && !isMainThread) {
  const load = Module._load;
  Module._load = function (name, ...rest) {
    const found = load.call(this, name, ...rest);
    if (name !== 'onnxruntime-node') return found;
    return {
      ...found,
      InferenceSession: { create: async (...args) => stuck(await found.InferenceSession.create(...args)) },
    };
  };
}

function stuck(session) {
  const run = session.run.bind(session);
  session.run = (...args) => {
    // What the trainer runs to measure itself is done by then.
    if (!existsSync(process.env.HOSTILE_ARMED)) return run(...args);
    appendFileSync(process.env.HOSTILE_SAYS, 'stuck');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  };
  return session;
}
