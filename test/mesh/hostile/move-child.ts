/** Moves a mesh, and dies at a call of either backplane: `node move-child.mjs STATE TO URL MESH CALL`. */

import type { Backplane } from '../../../runtime/backplane/backplane.ts';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { moveMesh } from '../../../runtime/backplane/move-mesh.ts';
import { natsBackplane } from '../../../runtime/backplane/nats.ts';
import { signalProcess } from '../../support/end-process.ts';

const [state = '', to = '', url = '', mesh = '', dieAt = '0'] = process.argv.slice(2);
let calls = 0;

function mortal(backplane: Backplane): Backplane {
  return new Proxy(backplane, {
    get: (target, name, receiver) => {
      calls++;
      if (calls === Number(dieAt)) signalProcess(process.pid, 'SIGKILL');
      return Reflect.get(target, name, receiver) as unknown;
    },
  });
}

const digest = await moveMesh({
  ...{
    state,
    to: to === 'nats' ? 'nats' : 'embedded',
    embeddedFolder: 'backplane',
    moved: () => undefined,
    waitMs: 20,
  },
  openEmbedded: (folder) => mortal(embeddedBackplane(folder)),
  openNats: async (folder) => mortal(await natsBackplane({ servers: [url], mesh, folder, acceptOlder: true })),
});
process.stdout.write(JSON.stringify({ ...digest, calls }));
