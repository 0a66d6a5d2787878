/** Pieces of work that take turns: of one name only one is under way, the others wait in the order they came. */
export class Turns {
  /** By name, while work of that name is under way: what waits for it. */
  readonly #waiting = new Map<string, (() => void)[]>();

  /** @param work calls `ended` once, at once or later */
  add(name: string, work: (ended: () => void) => void): void {
    const begin = (): void => {
      let over = false;
      work(() => {
        if (over) return;
        over = true;
        this.#next(name);
      });
    };
    const waiting = this.#waiting.get(name);
    if (waiting) {
      waiting.push(begin);
      return;
    }
    this.#waiting.set(name, []);
    begin();
  }

  #next(name: string): void {
    const begin = this.#waiting.get(name)?.shift();
    if (begin) begin();
    else this.#waiting.delete(name);
  }
}
