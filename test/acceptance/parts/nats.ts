/** A mesh of several synchronizers in NATS: its store at full length, its faults, its rates, and how much it takes. */
import type { Part } from '../row.ts';
import { chaos } from './nats-chaos.ts';
import { leaders } from './nats-leaders.ts';
import { load } from './nats-load.ts';
import { rates } from './nats-rates.ts';
import { moves, newerStore, pinnedStore } from './nats-store.ts';

export const natsParts: readonly Part[] = [
  {
    name: 'nats-store',
    what: 'the store on the server of the tests: stalls, kills, power cuts, wrong answers from 100 seeds',
    takes: '3 minutes',
    run: pinnedStore,
  },
  {
    name: 'nats-newer',
    what: 'the same on a newer server, built by Go',
    takes: '3 minutes, and 10 to build',
    run: newerStore,
  },
  {
    name: 'nats-moves',
    what: 'a mesh moved into NATS and back, with 50 times kill -9 in the middle',
    takes: '2 minutes',
    run: moves,
  },
  {
    name: 'nats-chaos',
    what: 'three servers and two synchronizers killed or stopped in turn, then no quorum for a minute, under 8 trainers',
    takes: '14 minutes',
    run: chaos,
  },
  {
    name: 'nats-leaders',
    what: 'eight runs over three synchronizers, one of which is killed: how they spread, and who leads them when',
    takes: '3 minutes',
    run: leaders,
  },
  {
    name: 'nats-rates',
    what: 'mnist.pcn on 1 and 8 trainers: samples/s in NATS against the embedded store',
    takes: '5 minutes',
    run: rates,
  },
  {
    name: 'nats-load',
    what: 'control messages of 1,000 trainers over 3 synchronizers, and of fewer over 1 and 2: processors',
    takes: '6 minutes',
    run: load,
  },
];
