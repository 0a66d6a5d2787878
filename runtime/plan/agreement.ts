/** Whether `plan.json` and the program speak of the same functions, fields and parameters. */
import { scoresName } from '../../spec/names.ts';
import type { Plan, PlanField, PlanShard } from '../../spec/plan.ts';
import { memberStates, type Program, type ProgramFunction, sameShape } from '../../spec/program.ts';

/** @returns what does not agree, or nothing */
export function agreementProblem(plan: Plan, shard: PlanShard, program: Program): string | undefined {
  const parameters = parametersProblem(shard, program);
  // What several shards do together is in their schedules.
  if (parameters !== undefined || shard.schedule !== undefined) return parameters;
  return trainingProblem(plan, program) ?? predictionsProblem(plan, program);
}

function parametersProblem(shard: PlanShard, program: Program): string | undefined {
  const states = new Map(
    program.states
      .flatMap(memberStates)
      .filter((s) => s.role === 'parameter')
      .map((s) => [s.id, s]),
  );
  for (const { name, shape } of shard.parameters) {
    const state = states.get(name);
    if (!state || !sameShape(state.shape, shape)) return `it has no parameter ${name} of shape [${shape.join(', ')}]`;
  }
  return states.size === shard.parameters.length ? undefined : 'it has parameters that the plan does not name';
}

function trainingProblem({ training }: Plan, program: Program): string | undefined {
  if (!training) return undefined;
  const f = program.functions.find((g) => g.role === 'train');
  if (!f) return 'it has no function `train`';
  if (f.batch !== training.batch) return `\`train\` takes batches of ${f.batch}, the plan says ${training.batch}`;
  return fieldsProblem(f, training.inputs);
}

function predictionsProblem(plan: Plan, program: Program): string | undefined {
  for (const prediction of plan.predictions) {
    const f = program.functions.find((g) => g.name === prediction.function);
    if (!f) return `it has no function \`${prediction.function}\``;
    if (f.batch !== prediction.batch)
      return `\`${f.name}\` takes batches of ${f.batch}, the plan says ${prediction.batch}`;
    const problem = fieldsProblem(f, prediction.inputs);
    if (problem !== undefined) return problem;
    const results = new Set(f.results.map((r) => r.name));
    for (const read of prediction.reads)
      if (!results.has(read.name) || (read.scores && !results.has(scoresName(read.name))))
        return `\`${f.name}\` does not give ${read.name}`;
  }
  for (const check of plan.checks) {
    const prediction = plan.predictions.find((p) => p.task === check.task);
    if (!prediction?.reads.some((r) => r.name === check.read))
      return `the check ${check.text} is of a read that does not exist`;
  }
  return undefined;
}

function fieldsProblem(f: ProgramFunction, fields: readonly PlanField[]): string | undefined {
  if (fields.length !== f.inputs.length) return `\`${f.name}\` takes ${f.inputs.length} fields`;
  for (const { name, type, shape } of fields) {
    const input = f.inputs.find((i) => i.field === name);
    if (!input || input.type !== type || !sameShape(input.shape.slice(1), shape))
      return `\`${f.name}\` does not take ${name} as ${type}[${shape.join(', ')}]`;
  }
  return undefined;
}
