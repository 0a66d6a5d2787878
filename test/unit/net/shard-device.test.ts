import { describe, expect, it } from 'vitest';
import { isShort } from '../../../runtime/cli/compiling/short-programs.ts';
import type { Device, DeviceSession, Executable } from '../../../runtime/device/device.ts';
import { openShardDevice } from '../../../runtime/net/shard-device.ts';
import type { Deployment } from '../../../runtime/wire/deployment.ts';
import type { Op, Program } from '../../../spec/program.ts';

/** A program with one product of two matrices of this width. */
function productOf(width: number): Program {
  const shape = [width, width];
  const op: Op = { id: '%1', op: 'matmul', args: ['w', 'w'], attributes: {}, shape, origin: 'link a->b' };
  const block = { name: 'tick', repeat: 1, firstTick: 0, scalars: [], carries: [], ops: [op] };
  const f = { name: 'train', inputs: [], results: [], updates: [], blocks: [block] };
  const init = { kind: 'constant', value: 0 } as const;
  return { states: [{ id: 'w', shape, role: 'parameter', init }], functions: [f] } as unknown as Program;
}

async function openedOn(shards: number, short: boolean, has = true): Promise<string> {
  const session = {} as DeviceSession;
  const opened: string[] = [];
  const open = async (how: string): Promise<DeviceSession> => {
    opened.push(how);
    return session;
  };
  const device: Device = {
    name: 'counting',
    description: '',
    open: () => open('open'),
    openAll: async () => [await open('openAll')],
    ...(has ? { openHere: () => open('openHere') } : {}),
  };
  const executable: Executable = { program: productOf(1), files: new Map(), short };
  expect(await openShardDevice(device, { shards } as Deployment, executable)).toBe(session);
  return opened.join(' ');
}

describe('openShardDevice', () => {
  it('runs short programs in the thread of the sockets, and everything else in a thread of its own', async () => {
    expect(await openedOn(2, true)).toBe('openHere');
    expect(await openedOn(2, false)).toBe('openAll');
    expect(await openedOn(2, true, false)).toBe('openAll');
    expect(await openedOn(1, true)).toBe('open');
  });
});

describe('isShort', () => {
  it('counts the work of a program, and lets a single core run more in place', () => {
    expect(isShort(productOf(300), 2)).toBe(true);
    expect(isShort(productOf(400), 2)).toBe(false);
    expect(isShort(productOf(400), 1)).toBe(true);
    expect(isShort(productOf(1400), 1)).toBe(false);
  });
});
