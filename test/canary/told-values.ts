/** The one place where the value of an API token may stand: what told it is heard without it, once. */

/** As keyturn writes it. */
const VALUE = /keyturn_[\w-]{49}/;

export interface Split {
  /** Null when it told none. */
  readonly value: string | null;
  /** All the rest, in which it must not stand again. */
  readonly rest: string;
}

/** Of what a command printed, or wrote to the file of its `--out`. */
export function splitText(text: string): Split {
  const value = VALUE.exec(text)?.[0] ?? null;
  return { value, rest: value === null ? text : text.replace(value, "") };
}

const TELLING = ["issueApiToken", "rotateApiToken"];

/**
 * Of the answer to an operation. Two tell a value, in the member `token`; a repetition under an
 * `Idempotency-Key` tells none.
 */
export function splitAnswer(
  operation: string,
  { status, headers, body }: { readonly status: number; readonly headers: Headers; readonly body: string },
): Split {
  const mayTell = TELLING.includes(operation) && status < 300 && !headers.has("Idempotency-Replayed");
  const member = mayTell ? /"token":"(keyturn_[\w-]{49})"/.exec(body) : null;
  return member === null
    ? { value: null, rest: body }
    : { value: member[1] ?? null, rest: body.replace(member[0], "") };
}
