/** Options of the commands that show and compare plans, and cut graphs. */
import { JSON_LINES, SET, TASK_NAME } from '../shell/common-options.ts';
import { choice, type Given, needed, neededWhole, openText, text, whole, word } from '../shell/options.ts';

export const SHOW = {
  ...JSON_LINES,
  ...SET,
  file: word('model file, or a plan folder'),
  ...TASK_NAME,
  stage: text('ast, graph (default), program or onnx'),
  after: text('the program behind this pass (`none`: before the first)'),
  svg: openText('draw the graph, or a plan; a path, or standard output'),
  html: openText('a plan as a page: picture and table'),
};
export type ShowArguments = Given<typeof SHOW>;

export const PLAN = {
  ...JSON_LINES,
  action: choice(['diff'], 'diff: from plan A to plan B'),
  a: word('plan folder'),
  b: word('plan folder'),
};
export type PlanArguments = Given<typeof PLAN>;

export const PARTITION = {
  ...JSON_LINES,
  seed: whole('seed of the partition; the same seed gives the same one (default: 0)', { least: 0 }),
  graph: word('graph in the METIS format'),
  parts: neededWhole('number of parts', { least: 1, most: 65_536 }),
  out: needed('file for the part of each vertex, one a line, from 0', { alias: 'o' }),
};
export type PartitionArguments = Given<typeof PARTITION>;
