/** Questions where there are several synchronizers: to the leader of the run or of the mesh, and for the status to all of them. */
import { isOver } from '../roles/synchronizer.ts';
import type { Question } from '../wire/messages.ts';
import type { FarVisitor, Word } from './backbone.ts';
import type { Visitor } from './gateway.ts';
import type { Leading } from './leading.ts';
import { noLeader } from './no-leader.ts';
import type { Present, There } from './present.ts';
import { RoutedQuestions } from './routed-questions.ts';
import { SeenAll } from './seen-all.ts';
import { toldError } from './told-error.ts';
import type { Told } from './told-status.ts';

export interface SeveralQuestionsOptions {
  /** Of this process. */
  readonly self: string;
  readonly present: Present;
  readonly leading: () => Leading;
  /** Names of the runs that this one leads. */
  readonly led: () => readonly string[];
  readonly here: () => Pick<There, 'address' | 'pid' | 'load'>;
  /** @returns whether it leads that run, which had no leader */
  readonly take: (run: string) => Promise<boolean>;
  readonly say: (word: Word) => void;
}

type QuestionWord = Extract<Word, { readonly kind: 'left' | 'ask' | 'answer' | 'look' | 'seen' }>;

export class SeveralQuestions {
  readonly #options: SeveralQuestionsOptions;
  readonly #routed: RoutedQuestions;
  readonly #seen: SeenAll;
  /** Connections of other gateways that have asked something. */
  readonly #visitors = new Map<string, Visitor>();

  constructor(options: SeveralQuestionsOptions) {
    this.#options = options;
    const { self, say } = options;
    this.#routed = new RoutedQuestions({
      ...{ self, say },
      target: (question, before) => this.#target(question, before),
      answer: (visitor, question) => this.#answerHere(visitor, question),
    });
    this.#seen = new SeenAll(say);
  }

  async answer(visitor: Visitor, question: Question): Promise<unknown> {
    const leading = this.#options.leading();
    switch (question.what) {
      case 'status':
        return leading.status(question.from, await this.#told());
      case 'gc':
      case 'fund':
      case 'fork':
      case 'order':
      case 'deploy':
      case 'run':
      case 'stop':
      case 'events':
        return this.#routed.ask(visitor, question);
      default:
        return leading.answer(visitor, question);
    }
  }

  /** Others lead than before. */
  routeAgain(): void {
    this.#routed.routeAgain();
  }

  /** A connection of this gateway has ended. */
  left(visitor: object): void {
    const id = this.#routed.left(visitor);
    if (id !== undefined) this.#options.say({ kind: 'left', visitor: id });
  }

  /** Another synchronizer is gone. */
  gone(name: string): void {
    this.#seen.gone(name);
    for (const far of [...this.#visitors.keys()]) if (far.startsWith(`${name} `)) this.#letGo(far);
    this.#routed.routeAgain();
  }

  close(): void {
    this.#routed.close();
  }

  heard(from: string, word: QuestionWord): void {
    const { self, say, leading } = this.#options;
    switch (word.kind) {
      case 'left':
        this.#letGo(`${from} ${word.visitor}`);
        return;
      case 'ask':
        if (word.to === self) this.#answerFar(from, word.id, word.visitor, word.question);
        return;
      case 'answer':
        if (word.to === self) this.#routed.answered(word.id, word.answer, word.error);
        return;
      case 'look':
        say({ kind: 'seen', to: from, id: word.id, ...leading().seen() });
        return;
      case 'seen':
        if (word.to === self) this.#seen.seen(from, word.id, word);
    }
  }

  #letGo(far: string): void {
    const visitor = this.#visitors.get(far);
    this.#visitors.delete(far);
    if (visitor) this.#options.leading().garbage.letGo(visitor);
  }

  /** The one that answers: of a run without a leader, or that is not there, each can say so. */
  #target(question: Question, before: string | undefined): string | undefined {
    const { self, present, leading, led, here } = this.#options;
    const { presides, runs } = leading().state;
    if (['gc', 'fund', 'fork', 'order'].includes(question.what)) return presides ? self : present.presider;
    const name = question.what === 'deploy' ? question.deployment.run : 'run' in question ? question.run : undefined;
    if (name === undefined || led().includes(name)) return self;
    const run = runs[name];
    if (run && !isOver(run)) return present.leaderOf(name);
    if (run || question.what !== 'deploy') return self;
    if (before !== undefined && present.has(before)) return before;
    return present.least({ name: self, load: here().load });
  }

  async #answerHere(visitor: Visitor, question: Question): Promise<unknown> {
    const { leading, take } = this.#options;
    const isNew = question.what === 'deploy' && !leading().state.runs[question.deployment.run];
    if (isNew && !(await take(question.deployment.run))) throw noLeader();
    return leading().answer(visitor, question);
  }

  #answerFar(from: string, id: number, far: FarVisitor, question: Question): void {
    const { say } = this.#options;
    const name = `${from} ${far.id}`;
    const visitor = this.#visitors.get(name) ?? { key: far.key, role: far.role };
    this.#visitors.set(name, visitor);
    this.#answerHere(visitor, question).then(
      (answer) => say({ kind: 'answer', to: from, id, answer }),
      (error: unknown) => say({ kind: 'answer', to: from, id, error: toldError(error) }),
    );
  }

  async #told(): Promise<Told> {
    const { self, present, led, here, leading } = this.#options;
    const others = present.all;
    const seen = await this.#seen.all(others.map(({ name }) => name));
    const own: There = { name: self, ...here(), presides: Boolean(leading().state.presides), runs: led() };
    const synchronizers = [own, ...others].map(({ name, address, pid, presides, runs }) => {
      return { address, pid, presides, runs, answers: name === self || seen.has(name) };
    });
    return { seen: [...seen.values()], synchronizers };
  }
}
