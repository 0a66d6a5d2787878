/** Calls of a shard that begin in their order, each when its data are here. */
export class Begins {
  #loading: Promise<void> | undefined;
  /** Those of before are given up when it changes. */
  #generation = 0;

  /** Calls have begun that wait for their data. */
  get wait(): boolean {
    return this.#loading !== undefined;
  }

  /** @param ready when its data are here; nothing where they are */
  begin(ready: Promise<void> | undefined, start: () => void): void {
    if (!ready && !this.#loading) {
      start();
      return;
    }
    const generation = this.#generation;
    const before = this.#loading;
    const loading = (async () => {
      await before;
      await ready;
      if (this.#generation === generation) start();
    })();
    loading.catch(() => undefined);
    this.#loading = loading;
  }

  /** When all that have begun have their data. */
  async loaded(): Promise<void> {
    while (this.#loading) {
      const loading = this.#loading;
      await loading;
      if (this.#loading === loading) this.#loading = undefined;
    }
  }

  /** None of them begins any more. */
  forget(): void {
    this.#generation++;
    this.#loading = undefined;
  }
}
