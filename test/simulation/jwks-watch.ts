/**
 * Every JWKS that a node serves, judged as by a verifier that has just started and so knows nothing
 * else: it must accept each honest token that is alive (I1, I4), show no revoked key (4), and be a
 * pure function of the ring and the time (I21, I22).
 */
import type { JwksAnswer } from "../../src/http/jwks.ts";
import { maxAgeSeconds } from "../../src/ring/hold.ts";
import type { Answer } from "./edge.ts";
import { kidsIn } from "./field-verifiers.ts";
import type { IssuingNode } from "./issuing-node.ts";
import type { Ledger } from "./ledger.ts";

const MEMBERS = new Set(["kty", "crv", "x", "y", "kid", "alg", "use"]);

export class JwksWatch {
  private readonly etags = new Map<string, string>();
  private readonly bodies = new Map<string, string>();
  private readonly ledger: Ledger;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  /** Asks the node as an edge does. @param held what the edge has, to be answered with 304 */
  ask(node: IssuingNode, held: string | null): Answer | null {
    if (!node.isUp(this.ledger.agenda.now)) return null;
    const writes = node.handle.writes;
    const answer = node.serve(held ?? undefined);
    if (answer === null) return null;
    this.must("I21", node.handle.writes === writes, "a GET writes nothing");
    this.ledger.counts.served++;
    const served = this.read(node, answer, held);
    if (served.taint === null) this.judge(node, served);
    return served;
  }

  private read(node: IssuingNode, answer: JwksAnswer, held: string | null): Answer {
    const etag = headerOf(answer, "ETag");
    const maxAgeSeconds = Number(/max-age=(\d+)/.exec(headerOf(answer, "Cache-Control"))?.[1]);
    this.must("I21", answer.status === 200 || held === etag, "304 only for what is held");
    const body = answer.body ?? this.bodies.get(etag) ?? "";
    if (answer.body !== null) this.assertTag(etag, body);
    return { body, etag, maxAgeSeconds, taint: this.taintOf(node) };
  }

  /** The ETag changes if and only if the bytes do. */
  private assertTag(etag: string, body: string): void {
    if (this.bodies.get(etag) === body) return;
    this.must("I21", !this.bodies.has(etag), "one ETag, one body");
    this.must("I21", !this.etags.has(body), "one body, one ETag");
    this.bodies.set(etag, body);
    this.etags.set(body, etag);
    const { keys } = JSON.parse(body) as { keys: Record<string, unknown>[] };
    this.must("4", keys.length > 0, "a JWKS is never empty");
    this.must("I22", new Set(keys.map(({ kid }) => kid)).size === keys.length, "a kid is listed once");
    const lawful = keys.every((key) => key["use"] === "sig" && Object.keys(key).every((m) => MEMBERS.has(m)));
    this.must("I22", lawful, "public members only");
  }

  /** Why a verifier may be misled without a promise being broken. */
  private taintOf(node: IssuingNode): string | null {
    if (!node.clock.isSound) return "clock beyond the skew";
    const { refreshSeconds } = this.ledger.policy;
    const longest = refreshSeconds + maxAgeSeconds(this.ledger.policy);
    return node.ageSeconds(this.ledger.agenda.now) > longest ? "cut off from the store" : null;
  }

  private judge(node: IssuingNode, { body }: Answer): void {
    const { ledger } = this;
    const { now } = ledger.agenda;
    const shown = kidsIn(body);
    for (const [kid, facts] of ledger.kids) {
      if (facts.lastExpiresAt === Number.NEGATIVE_INFINITY) continue;
      if (shown.has(kid) || ledger.isExcused(kid)) continue;
      const late = now - ledger.neededUntil(kid);
      ledger.margins.retirement = Math.min(ledger.margins.retirement, late);
      if (late >= 0) continue;
      ledger.violate("I4", `${node.name} serves no ${ledger.story.nameOf(kid)}, needed for ${-late} s more`);
    }
    for (const { kid } of node.keys?.ring().tombstones ?? [])
      this.must("4", !shown.has(kid), "a node shows no key that it knows to be revoked");
  }

  private must(invariant: string, holds: boolean, what: string): void {
    if (!holds) this.ledger.violate(invariant, what);
  }
}

function headerOf({ headers }: JwksAnswer, name: string): string {
  return headers[headers.indexOf(name) + 1] ?? "";
}
