/** Values by name, as many as there is room for: the one that was used longest ago gives way. */
export class Recent<V> {
  readonly #most: number;
  readonly #dropped: (value: V) => void;
  /** The one used last at the end. */
  readonly #values = new Map<string, V>();

  /** @param dropped a value is here no longer */
  constructor(most: number, dropped: (value: V) => void = () => undefined) {
    this.#most = most;
    this.#dropped = dropped;
  }

  get(name: string): V | undefined {
    const value = this.#values.get(name);
    if (value !== undefined) this.set(name, value);
    return value;
  }

  set(name: string, value: V): void {
    this.#values.delete(name);
    this.#values.set(name, value);
    const [oldest] = this.#values.keys();
    if (this.#values.size > this.#most && oldest !== undefined) this.drop(oldest);
  }

  drop(name: string): void {
    const value = this.#values.get(name);
    if (value === undefined) return;
    this.#values.delete(name);
    this.#dropped(value);
  }
}
