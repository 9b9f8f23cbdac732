// What a decoder throws when a request cannot be stored: the status and the text that the sender gets.
// Texts are those of the real server where our transports or an operator would look for them.

/** A request that is refused for good, with the HTTP status and the plain text of the answer. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}
