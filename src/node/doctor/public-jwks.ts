/** The public JWKS as an ordinary client gets it, through whatever stands before it. */
import type { Clock } from "../../clock.ts";
import { type FetchFailure, httpOrigin } from "../../verifier/fetch-jwks.ts";
import type { JwksDocument } from "../../verifier/jwks-document.ts";
import { type Finding, failing, faulty, finding } from "./finding.ts";

/** What came, as far as the checks judge by it. */
export interface Answered {
  readonly document: JwksDocument;
  readonly cacheControl: string | null;
  readonly date: string | null;
  readonly etag: string | null;
  readonly ageSeconds: number;
  /** Whether a second request, with that ETag, was answered by 304. */
  readonly revalidates: boolean;
  /** Epoch seconds by this machine's clock. */
  readonly askedAt: number;
  readonly answeredAt: number;
}

export interface Unanswered {
  readonly failure: FetchFailure;
  readonly status: number | null;
  /** The system's word for why there was no connection: `ECONNREFUSED`, `CERT_HAS_EXPIRED`. */
  readonly because: string | null;
}

/** As much as any verifier takes. */
const LIMITS = { maxJwksBytes: 65_536, maxKeys: 64 };

export async function publicJwksAt(
  url: string,
  fetchSeconds: number,
  clock: Clock,
): Promise<Answered | Unanswered> {
  const seen: { headers: Headers; answeredAt: number; because: string | null } = {
    headers: new Headers(),
    answeredAt: 0,
    because: null,
  };
  const listening: typeof fetch = async (input, init) => {
    try {
      const response = await fetch(input, init);
      seen.headers = response.headers;
      seen.answeredAt = clock.now();
      return response;
    } catch (error) {
      seen.because = systemCodeOf(error);
      throw error;
    }
  };
  const ask = httpOrigin(url, listening, { ...LIMITS, fetchSeconds });
  const askedAt = clock.now();
  const first = await ask(null, askedAt);
  if (first.kind !== "set") {
    const { because, status } = first.kind === "failed" ? first : { because: "status" as const, status: 304 };
    return { failure: because, status, because: seen.because };
  }
  const { headers, answeredAt } = seen;
  const { document, etag, ageSeconds } = first;
  const again = etag === null ? null : await ask(etag, clock.now());
  return {
    ...{ document, etag, ageSeconds, askedAt, answeredAt },
    cacheControl: headers.get("Cache-Control"),
    date: headers.get("Date"),
    revalidates: again?.kind === "unchanged",
  };
}

export function isAnswered(answer: Answered | Unanswered): answer is Answered {
  return "document" in answer;
}

export function checkJwksUrl(url: string, answer: Answered | Unanswered): Finding {
  const where = placeOf(url);
  if (isAnswered(answer)) return finding("jwks-url", [], `${where} answers with a JWKS.`);
  const why = [WORDS[answer.failure], answer.status, answer.because]
    .filter((part) => part !== null)
    .join(" ");
  const fault = failing(
    `${where} does not answer with a JWKS: ${why}.`,
    "Check that `keyturn serve` runs, that jwksUrl (or issuer) is where the public finds it, and what stands before it.",
  );
  return faulty("jwks-url", fault);
}

/** Of the URL only what cannot hold a password. */
function placeOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

const WORDS: Readonly<Record<FetchFailure, string>> = {
  timeout: "it took longer than fetchSeconds",
  network: "no connection",
  redirect: "it redirects, which verifiers do not follow,",
  status: "status",
  too_large: "the answer is too large",
  not_a_jwks: "the answer is no JWKS",
  older_set: "the answer is older than one before",
};

/** fetch hides the system's word in the cause. */
function systemCodeOf(error: unknown): string | null {
  const cause = (error as { cause?: { code?: unknown } } | null)?.cause;
  return typeof cause?.code === "string" && /^[A-Z0-9_]{1,60}$/.test(cause.code) ? cause.code : null;
}
