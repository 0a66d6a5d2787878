/** A text that its vocabulary cannot hold: characters that it has not, or blanks that are taken for one another. */
export class LostText extends Error {
  /** For who has given the text. */
  readonly repair: string;

  /** @param message which character it is, counted from 1 */
  constructor(message: string, repair: string) {
    super(message);
    this.repair = repair;
  }
}
