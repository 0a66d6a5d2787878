/** Creates runs in one folder, as fast as it can: `create-child.js PARENT COUNT`, begun by a line on standard input. */
import { once } from 'node:events';
import { createRun } from '../../../runtime/store/create-run.ts';
import { CONFIG, stateAt } from './fixtures.ts';

const [parent = '', count = '0'] = process.argv.slice(2);
await once(process.stdin, 'data');
for (let i = 0; i < Number(count); i++) createRun({ parent }, CONFIG, stateAt(0, 0)).close();
process.exit(0);
