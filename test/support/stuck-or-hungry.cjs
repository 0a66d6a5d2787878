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
    // Every graph is run by a session of the library's native part: by the library's own way to it, and past that.
    return name.endsWith('/onnxruntime_binding.node') ? withStuckSessions(found) : found;
  };
}

function withStuckSessions(native) {
  class StuckSession extends native.InferenceSession {
    run(...args) {
      // What the trainer runs to measure itself is done by then.
      if (!existsSync(process.env.HOSTILE_ARMED)) return super.run(...args);
      appendFileSync(process.env.HOSTILE_SAYS, 'stuck');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      throw new Error('nobody wakes it');
    }
  }
  return Object.create(native, { InferenceSession: { value: StuckSession } });
}
