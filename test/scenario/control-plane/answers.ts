/** The books of a load: every request that was made, by what was asked and how it was answered. */

export interface Answers {
  /** Fetches, and writes the answer down. */
  readonly fetch: typeof fetch;
  /** Requests answered with 2xx, by what was asked. */
  served(): Readonly<Record<string, number>>;
  /** All others, by what was asked, status and code: `POST /v1/ring/pause 412 precondition_failed`. */
  refused(): Readonly<Record<string, number>>;
  /** Distinct API tokens with which something was signed. */
  signingTokens(): number;
}

export function createAnswers(): Answers {
  const served: Record<string, number> = {};
  const refused: Record<string, number> = {};
  const signingTokens = new Set<string>();

  const count = (counts: Record<string, number>, what: string) => {
    counts[what] = (counts[what] ?? 0) + 1;
  };

  async function counted(url: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const asked = `${init.method ?? "GET"} ${routeOf(String(url))}`;
    const answer = await fetch(url, init).catch((error: unknown) => {
      count(refused, `${asked} ${error instanceof Error ? error.name : "no answer"}`);
      throw error;
    });
    if (answer.ok) count(served, asked);
    else count(refused, `${asked} ${answer.status} ${await codeOf(answer.clone())}`);
    if (answer.ok && asked.startsWith("POST /v1/tokens"))
      signingTokens.add(new Headers(init.headers).get("Authorization") ?? "");
    return answer;
  }

  return {
    fetch: counted,
    served: () => served,
    refused: () => refused,
    signingTokens: () => signingTokens.size,
  };
}

/** The path, without what differs from one API token to the next. */
function routeOf(url: string): string {
  return new URL(url).pathname.replace(/\/t_[\w-]+/, "/{id}");
}

/** Of a problem document (RFC 9457). */
async function codeOf(answer: Response): Promise<string> {
  const { code } = (await answer.json().catch(() => ({}))) as { code?: string };
  return code ?? "without a code";
}
