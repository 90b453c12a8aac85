/** What an object answers over RPC: its own properties are all that an error keeps of itself on that way. */
import { type ErrorCode, isKeyturnError, KeyturnError } from "../errors.ts";

export type Answer<T> = { readonly value: T } | { readonly error: ErrorTold };

/** An error as it is told. */
interface ErrorTold {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fix: string;
}

/** Never rejects with an error of keyturn's. */
export async function answered<T>(work: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    if (!isKeyturnError(error)) throw error;
    const { code, message, fix } = error;
    return { error: { code, message, fix } };
  }
}

/** @throws KeyturnError as the object has told it */
export function told<T>(answer: Answer<T>): T {
  if ("value" in answer) return answer.value;
  const { code, message, fix } = answer.error;
  throw new KeyturnError(code, message, { fix });
}
