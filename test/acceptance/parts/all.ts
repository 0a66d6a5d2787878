/** All parts of `npm run accept`, in its order. */
import type { Part } from '../row.ts';
import { absentPart } from './absent.ts';
import { asyncPart } from './async.ts';
import { asyncTimePart } from './async-time.ts';
import { attackParts } from './attacks.ts';
import { auditCostsPart } from './audit-costs.ts';
import { auditsPart } from './audits.ts';
import { benchPart } from './bench.ts';
import { bordersPart } from './borders.ts';
import { casesPart } from './cases.ts';
import { chaosParts } from './chaos.ts';
import { chaosNumbersPart } from './chaos-numbers.ts';
import { churnParts } from './churn.ts';
import { codecsPart } from './codecs.ts';
import { containerPart } from './container.ts';
import { cortexPart } from './cortex.ts';
import { cutsPart } from './cuts.ts';
import { deepPart } from './deep.ts';
import { deepMeshPart } from './deep-mesh.ts';
import { dryRunPart } from './dry-run.ts';
import { epochReportsPart } from './epoch-reports.ts';
import { fanOutPart } from './fan-out.ts';
import { freshCloneParts } from './fresh-clone.ts';
import { freshMeshPart } from './fresh-mesh.ts';
import { generatePart } from './generate.ts';
import { gpuPart } from './gpu.ts';
import { largePart } from './large.ts';
import { ledgerParts } from './ledger.ts';
import { linksPart } from './links.ts';
import { memoryParts } from './memory.ts';
import { meshParts } from './mesh.ts';
import { mnistParts } from './mnist.ts';
import { modelsPart } from './models.ts';
import { natsParts } from './nats.ts';
import { newcomerPart } from './newcomer.ts';
import { newcomerMeshPart } from './newcomer-mesh.ts';
import { packagePart } from './package.ts';
import { peersPart } from './peers.ts';
import { remotePart } from './remote.ts';
import { resnetPart } from './resnet.ts';
import { shardsPart } from './shards.ts';
import { testParts } from './tests.ts';
import { transformerPart } from './transformer.ts';
import { validationPart } from './validation.ts';
import { vggPart } from './vgg.ts';

export const parts: readonly Part[] = [
  ...freshCloneParts,
  freshMeshPart,
  newcomerPart,
  newcomerMeshPart,
  packagePart,
  containerPart,
  ...testParts,
  casesPart,
  modelsPart,
  epochReportsPart,
  shardsPart,
  cutsPart,
  bordersPart,
  codecsPart,
  benchPart,
  peersPart,
  gpuPart,
  fanOutPart,
  ...churnParts,
  chaosNumbersPart,
  ...chaosParts,
  ...natsParts,
  ...ledgerParts,
  ...attackParts,
  auditsPart,
  auditCostsPart,
  validationPart,
  ...memoryParts,
  generatePart,
  cortexPart,
  ...mnistParts,
  transformerPart,
  vggPart,
  deepPart,
  deepMeshPart,
  asyncPart,
  asyncTimePart,
  absentPart,
  resnetPart,
  linksPart,
  dryRunPart,
  remotePart,
  ...meshParts,
  largePart,
];
