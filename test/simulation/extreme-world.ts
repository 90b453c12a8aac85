/**
 * The two worst worlds that a policy allows, arranged to the second: every delay as long as it may be,
 * every clock as wrong as it may be. Rings, steps, JWKS and manager are the product's.
 */
import { maxAgeSeconds } from "../../src/ring/hold.ts";
import { emitterOf } from "../../src/ring/phase.ts";
import { parsePolicy, type RotationPolicy } from "../../src/ring/policy.ts";
import { Agenda } from "./agenda.ts";
import { type Chance, chanceOf } from "./chance.ts";
import { Edge } from "./edge.ts";
import { fieldVerifier, kidsIn } from "./field-verifiers.ts";
import { IssuingNode } from "./issuing-node.ts";
import { worldTime } from "./ledger.ts";
import { MachineClock } from "./machine-clock.ts";
import { SimulatedStore } from "./simulated-store.ts";

/** Just before an instant. */
const A_MOMENT = 1e-6;

/** Durations in all proportions, with tokens that decide the retire hold. */
export function extremePolicy(chance: Chance): RotationPolicy {
  const [refreshSeconds, fetchSeconds, skewSeconds] = [
    chance.whole(1, 60),
    chance.whole(1, 10),
    chance.whole(0, 40),
  ];
  const jwksCacheSeconds = 2 * (refreshSeconds + 2 * fetchSeconds + skewSeconds) + chance.whole(1, 900);
  return parsePolicy({
    refreshSeconds,
    fetchSeconds,
    skewSeconds,
    jwksCacheSeconds,
    leewaySeconds: chance.whole(0, 60),
    leaseSeconds: refreshSeconds + chance.whole(0, 120),
    tokenSeconds: 2 * jwksCacheSeconds + chance.whole(1, 3600),
    rotateEverySeconds: 100_000,
    standby: false,
  });
}

/** A fleet in which nothing is left to chance. */
class ArrangedFleet {
  readonly agenda = new Agenda(async () => {});
  private readonly store: SimulatedStore;
  private readonly policy: RotationPolicy;

  constructor(policy: RotationPolicy) {
    this.policy = policy;
    this.store = new SimulatedStore(this.agenda, prompt(), new MachineClock(this.agenda, [0, 0], 1));
  }

  async node(name: string, ahead: number): Promise<Required<Pick<IssuingNode, "clock">> & Manned> {
    const node = new IssuingNode(name, new MachineClock(this.agenda, [ahead, ahead], 1), this.store);
    await node.boot(this.policy);
    const { keys } = node;
    if (keys === null) throw new Error(`${name} did not boot.`);
    return { clock: node.clock, keys, node };
  }

  edge(to: IssuingNode): Edge {
    const told = { body: "", etag: "", maxAgeSeconds: 0, taint: null };
    return new Edge("plain", this.agenda, prompt(), () => {
      const answer = to.serve(undefined);
      const header = answer?.headers[answer.headers.indexOf("Cache-Control") + 1];
      return {
        ...told,
        body: answer?.body ?? "",
        maxAgeSeconds: Number(/max-age=(\d+)/.exec(header ?? "")?.[1]),
      };
    });
  }
}

interface Manned {
  readonly node: IssuingNode;
  readonly keys: NonNullable<IssuingNode["keys"]>;
}

function prompt(): Chance {
  const chance: Chance = { ...chanceOf(0), happens: () => false, fork: () => chance };
  return chance;
}

/** Whether a verifier that keeps the JWKS as long as it may rejects the first token of a new key. */
export async function rejectsFirstToken(policy: RotationPolicy): Promise<boolean> {
  const { refreshSeconds, fetchSeconds, skewSeconds, jwksCacheSeconds } = policy;
  const fleet = new ArrangedFleet(policy);
  const { agenda } = fleet;
  const publisher = await fleet.node("publisher", 0);
  const laggard = await fleet.node("laggard", 0);
  const emitter = await fleet.node("emitter", skewSeconds);
  const edge = fleet.edge(laggard.node);
  const verifier = fieldVerifier("ttl only", () => jwksCacheSeconds);

  agenda.now = 1000;
  await publisher.keys.rotate();
  await laggard.keys.refresh();
  await publisher.keys.tick();
  await emitter.keys.refresh();
  const fresh = publisher.keys.ring().keys.at(-1)?.kid ?? "";

  // The edge asks just before the laggard would know; the verifier asks the edge just before its copy is too old.
  agenda.now += refreshSeconds;
  edge.get(fetchSeconds);
  agenda.now += fetchSeconds + maxAgeSeconds(policy) - A_MOMENT;
  verifier.take(edge.get(fetchSeconds), fresh, agenda.now + fetchSeconds);
  await laggard.keys.refresh();

  for (;;) {
    const due = (await emitter.keys.tick()).nextDueAt;
    if (emitterOf(emitter.keys.ring()).kid === fresh) break;
    if (due === null) throw new Error("The key never emits.");
    agenda.now = worldTime(due) - skewSeconds;
  }
  const { kid } = await emitter.keys.sign({ sub: "the first" });
  if (verifier.mustFetch(kid, agenda.now)) verifier.take(edge.get(0), kid, agenda.now);
  return !verifier.find(kid, agenda.now).known;
}

/** Whether a verifier that has just started rejects a key's last token in its last second. */
export async function rejectsLastToken(policy: RotationPolicy): Promise<boolean> {
  const { leaseSeconds, leewaySeconds, skewSeconds } = policy;
  const fleet = new ArrangedFleet(policy);
  const { agenda } = fleet;
  const turner = await fleet.node("turner", 0);
  agenda.now = 1000;
  await turner.keys.rotate();
  await turner.keys.tick();
  agenda.now = worldTime((await turner.keys.tick()).nextDueAt ?? 0);
  const signer = await fleet.node("signer", skewSeconds);
  await turner.keys.tick();
  const server = await fleet.node("server", skewSeconds);

  // Its store is out of reach from now on: it signs with the old key to the end of its lease.
  signer.node.handle.isDown = true;
  agenda.now += leaseSeconds;
  const last = await signer.keys.sign({ sub: "the last" });
  agenda.now = worldTime(last.expiresAt) + leewaySeconds - A_MOMENT;
  return !kidsIn(server.node.serve(undefined)?.body ?? '{"keys":[]}').has(last.kid);
}
