import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { embeddedBackplane } from '../../runtime/backplane/embedded.ts';
import { removeFolder } from '../support/remove-folder.ts';
import { backplaneSuite } from './backplane-suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'nmc-backplane-'));
afterAll(() => removeFolder(folder));
let count = 0;

describe('the embedded backplane', () => {
  backplaneSuite({
    open: async () => embeddedBackplane(join(folder, String(++count))),
    reopen: async () => embeddedBackplane(join(folder, String(count))),
  });
});
