/**
 * Questions that are answered by the leader of a run, or of the mesh: here, or over the backbone; and asked again of the
 * next one where that changes before there is an answer.
 */
import type { Question } from '../wire/messages.ts';
import type { FarVisitor, Word } from './backbone.ts';
import type { Visitor } from './gateway.ts';
import { noLeader } from './no-leader.ts';
import type { ToldError } from './told-error.ts';

export interface RoutedQuestionsOptions {
  /** Of this process. */
  readonly self: string;
  readonly say: (word: Word) => void;
  /** Whose answer it is at this moment; nothing while there is no leader. @param before whom it was asked */
  readonly target: (question: Question, before: string | undefined) => string | undefined;
  readonly answer: (visitor: Visitor, question: Question) => Promise<unknown>;
}

interface Pending {
  readonly visitor: Visitor;
  readonly question: Question;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: NodeJS.Timeout;
  to?: string;
}

/** Milliseconds. */
const ANSWER_MS = 20_000;

export class RoutedQuestions {
  readonly #options: RoutedQuestionsOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #visitors = new Map<object, number>();
  #numbers = 0;

  constructor(options: RoutedQuestionsOptions) {
    this.#options = options;
  }

  /** @throws UserError `mesh/busy` where there is no answer in time */
  ask(visitor: Visitor, question: Question): Promise<unknown> {
    const id = ++this.#numbers;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(noLeader());
      }, ANSWER_MS);
      this.#pending.set(id, { visitor, question, resolve, reject, timer });
      this.#route(id);
    });
  }

  /** Others lead than before. */
  routeAgain(): void {
    for (const id of [...this.#pending.keys()]) this.#route(id);
  }

  answered(id: number, answer: unknown, error: ToldError | undefined): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#forget(id, pending);
    if (error) pending.reject(Object.assign(new Error(error.message), error));
    else pending.resolve(answer);
  }

  /** A connection has ended. @returns as which others know it; nothing where they do not */
  left(visitor: object): number | undefined {
    for (const [id, pending] of this.#pending) if (pending.visitor === visitor) this.#forget(id, pending);
    const id = this.#visitors.get(visitor);
    this.#visitors.delete(visitor);
    return id;
  }

  close(): void {
    for (const { timer } of this.#pending.values()) clearTimeout(timer);
  }

  #route(id: number): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    const { visitor, question, resolve, reject, to } = pending;
    const target = this.#options.target(question, to);
    if (target === undefined || target === to) return;
    pending.to = target;
    if (target === this.#options.self) {
      this.#forget(id, pending);
      this.#options.answer(visitor, question).then(resolve, reject);
    } else this.#options.say({ kind: 'ask', to: target, id, visitor: this.#farOf(visitor), question });
  }

  #forget(id: number, { timer }: Pending): void {
    this.#pending.delete(id);
    clearTimeout(timer);
  }

  /** As others know it. */
  #farOf(visitor: Visitor): FarVisitor {
    const id = this.#visitors.get(visitor) ?? ++this.#numbers;
    this.#visitors.set(visitor, id);
    return { id, key: visitor.key, role: visitor.role };
  }
}
