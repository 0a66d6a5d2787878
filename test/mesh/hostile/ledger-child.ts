/** A synchronizer that keeps signed states and writes its ledger from them, until it is killed: `STATE [URL MESH]`. */
import type { Backplane } from '../../../runtime/backplane/backplane.ts';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { fencedBackplane } from '../../../runtime/net/fenced-backplane.ts';
import { ledgerAtWork } from './ledger-at-work.ts';

const [, , state = '', url, mesh = ''] = process.argv;
const open = async (): Promise<Backplane> => {
  if (url === undefined) return embeddedBackplane(state);
  const { natsBackplane } = await import('../../../runtime/backplane/nats.ts');
  const store = await natsBackplane({ servers: [url], mesh, folder: state, acceptOlder: true });
  // As one of several synchronizers writes: what still arrives of one that was killed is refused.
  return fencedBackplane(store, () => true);
};
const work = ledgerAtWork(await open());
await work.begin();
process.stdout.write('ready\n');
// Until it is killed.
for (let n = 0; n < 100_000; n++) {
  await work.commit();
  await work.keeper.look();
}
