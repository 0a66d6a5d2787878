/** The thread of `draw-ahead.ts`. */
import { workerData } from 'node:worker_threads';
import type { Sheets } from './draw-ahead.ts';
import { drawSheet, sheetDrawer } from './sheets.ts';

const sheets = workerData as Sheets;
const drawer = sheetDrawer(sheets);
for (let i = (sheets.needed ?? sheets.drawn.length) - 1; i >= 0; i--) drawSheet(sheets, drawer, i);
