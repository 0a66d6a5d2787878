/** A synchronizer that keeps signed states and writes its ledger from them, until it is killed: `STATE`. */
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { ledgerAtWork } from './ledger-at-work.ts';

const [, , state = ''] = process.argv;
const work = ledgerAtWork(embeddedBackplane(state));
await work.begin();
process.stdout.write('ready\n');
// Until it is killed.
for (let n = 0; n < 100_000; n++) {
  await work.commit();
  await work.keeper.look();
}
