// Text for people out of text from elsewhere: what a destination answered, what an error said.
// In: anything. Out: one short line that is safe in a log, an event and a terminal.
// Invariants: bounded, no control characters, no credentials.

const maxLength = 200;

/** Characters that move the cursor, break lines or change the direction of text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not get through
const unsafe = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\s]+/g;
const credentials = /\b(bearer|basic|digest|splunk|apikey|aws4-hmac-sha256)\s+\S+|(:\/\/)[^/?#@\s]*@/gi;

/** One line of at most 200 characters, without control characters and anything that looks like a credential. */
export function plainReason(text: string): string {
  // Cut first: the text may be large, and masking costs time in proportion to it.
  const line = text
    .slice(0, maxLength * 4)
    .replace(unsafe, ' ')
    .trim();
  const masked = line.replace(credentials, (_, scheme, slashes) => (slashes ? slashes : `${scheme} ***`));
  return masked.length > maxLength ? `${masked.slice(0, maxLength)}…` : masked;
}
