/**
 * What a JWKS endpoint might answer, fed to the verifier. A token is accepted only where the answer
 * really lists its key; everything else is a refusal in words, and soon.
 */
import fc from "fast-check";
import { createVerifier, isVerifyError } from "../../src/verifier/index.ts";
import { ISSUER, openAlone } from "../manager/fleet.ts";
import type { Row } from "../proof/section.ts";
import { alteredJson, alteredText } from "./alterations.ts";
import { INPUT } from "./requests.ts";
import { type Extent, searched } from "./search.ts";
import { assertRefusal } from "./service.ts";

const oddMembers = fc.oneof(
  fc.constantFrom(
    INPUT,
    null,
    "",
    "sig",
    "enc",
    "none",
    "HS256",
    "RS256",
    "EdDSA",
    "EC",
    "oct",
    "RSA",
    "P-384",
  ),
  fc.constantFrom([], {}, ["verify"], ["sign"], 0, -1, true, "AQAB", "AA", "\ud800", "__proto__"),
  fc.jsonValue({ maxDepth: 2 }),
);

const statuses = fc.oneof(
  { weight: 12, arbitrary: fc.constant(200) },
  { weight: 1, arbitrary: fc.constantFrom(201, 206, 301, 304, 400, 404, 418, 429, 500, 503) },
);
const headers = fc.record(
  {
    "Cache-Control": fc.constantFrom(
      "max-age=0",
      "max-age=-1",
      "max-age=99999999999",
      "no-store",
      "public, max-age=60",
      INPUT,
    ),
    Age: fc.constantFrom("0", "-5", "1e9", "9999999999", INPUT),
    ETag: fc.constantFrom('"a"', "", INPUT),
    "Retry-After": fc.constantFrom("0", "-1", "Fri, 31 Dec 9999 23:59:59 GMT", INPUT, "99999999999"),
    "Content-Type": fc.constantFrom("text/html", "application/jwk-set+json", INPUT),
    "Content-Length": fc.constantFrom("0", "1", "999999999"),
  },
  { requiredKeys: [] },
);

export async function publishedKeyRows(extent: Extent): Promise<Row[]> {
  const { keys, clock } = await openAlone({ policy: { alg: "ES256" } });
  const { token, kid } = await keys.sign({ sub: "user-1", aud: "orders" });
  const jwks = keys.jwks();
  const honest = jwks.keys.find((key) => key.kid === kid) as unknown as Record<string, unknown>;
  const text = JSON.stringify(jwks);
  const withExtras = {
    ...jwks,
    keys: [...jwks.keys, { kty: "oct", k: "AAAA" }, { ...honest, kid: "x", d: "AAAA" }],
  };
  const bodies = fc.oneof(
    { weight: 4, arbitrary: alteredText(text) },
    { weight: 6, arbitrary: alteredJson(withExtras, oddMembers).map((altered) => JSON.stringify(altered)) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(text, "", `\ufeff${text}`, " ".repeat(70_000), "[".repeat(20_000)),
    },
  );
  const verdicts = { accepted: 0, refused: 0 };

  const property = fc.asyncProperty(
    bodies,
    statuses,
    headers,
    fc.boolean(),
    async (body, status, sent, asBytes) => {
      const bytes = Buffer.from(body);
      const verifier = createVerifier({
        issuer: ISSUER,
        audience: "orders",
        jwksUrl: `${ISSUER}/.well-known/jwks.json`,
        clock,
        random: () => 0.5,
        fetch: async () =>
          new Response([201, 206, 301, 304].includes(status) ? null : asBytes ? bytes : body, {
            status,
            headers: sent as Record<string, string>,
          }),
      });
      for (const times of [1, 2]) {
        const outcome = await verifier.verify(token).catch((error: unknown) => error);
        if (outcome instanceof Error) {
          if (!isVerifyError(outcome)) throw outcome;
          assertRefusal(outcome, INPUT, token);
          verdicts.refused += 1;
        } else {
          if (status !== 200 || !lists(body, honest))
            throw new Error(`Accepted by a JWKS without the key, look ${times}.`);
          verdicts.accepted += 1;
        }
      }
      const warmth = await verifier.warm();
      if (!["ok", "stale", "cold", "down"].includes(warmth.status))
        throw new Error(`Health ${warmth.status}.`);
    },
  );
  return [
    await searched(
      "JWKS bodies and headers, fed to the verifier",
      property,
      extent,
      () => `${verdicts.accepted} accepted, ${verdicts.refused} refused`,
    ),
  ];
}

/** The simple way to see whether the key is there: same name, same point, nothing that speaks against it. */
function lists(body: string, honest: Record<string, unknown>): boolean {
  try {
    const { keys } = JSON.parse(body) as { keys: Record<string, unknown>[] };
    return keys.some(
      (key) => key?.["kid"] === honest["kid"] && key["x"] === honest["x"] && key["y"] === honest["y"],
    );
  } catch {
    return false;
  }
}
