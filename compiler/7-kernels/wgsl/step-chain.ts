/** Steps one behind the other: what one hands on is what the next takes, or the chain does not type-check. */

export interface Step {
  readonly name: string;
  /** The work of the step, in one line. */
  readonly what: string;
}

/** Told of each step, and of what it has made. */
export type StepObserver = (step: Step, made: unknown) => void;

export class StepChain<From, To> {
  readonly steps: readonly Step[];
  readonly run: (from: From, observe?: StepObserver) => To;

  private constructor(steps: readonly Step[], run: (from: From, observe?: StepObserver) => To) {
    this.steps = steps;
    this.run = run;
  }

  /** No step yet. */
  static from<From>(): StepChain<From, From> {
    return new StepChain<From, From>([], (from) => from);
  }

  step<Next>(name: string, what: string, run: (form: To) => Next): StepChain<From, Next> {
    const last: Step = { name, what };
    return new StepChain<From, Next>([...this.steps, last], (from, observe) => {
      const made = run(this.run(from, observe));
      observe?.(last, made);
      return made;
    });
  }
}
