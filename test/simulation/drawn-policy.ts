/** Short policies, drawn at random from those that parsePolicy takes, so that a world sees many turnovers. */
import { emitHold, retireHold } from "../../src/ring/hold.ts";
import { parsePolicy, type RotationPolicy } from "../../src/ring/policy.ts";
import type { Chance } from "./chance.ts";

export function drawnPolicy(chance: Chance): RotationPolicy {
  const refreshSeconds = chance.whole(2, 10);
  const fetchSeconds = chance.whole(1, 3);
  const skewSeconds = chance.whole(3, 8);
  const margin = refreshSeconds + 2 * fetchSeconds + skewSeconds;
  return withTurnover(
    {
      refreshSeconds,
      fetchSeconds,
      skewSeconds,
      jwksCacheSeconds: 2 * margin + chance.whole(1, 20),
      tokenSeconds: chance.happens(0.5) ? chance.whole(1, 30) : chance.whole(30, 200),
      // Who refuses an `iat` that is yet to come must forgive as much as clocks differ.
      leewaySeconds: skewSeconds + chance.whole(0, 5),
      leaseSeconds: refreshSeconds + chance.whole(1, 20),
      standby: chance.happens(0.7),
      alg: "ES256",
    },
    chance,
  );
}

/** Another policy for the same fleet: what describes its machines stays as it is. */
export function changedPolicy(policy: RotationPolicy, chance: Chance): RotationPolicy {
  const margin = policy.refreshSeconds + 2 * policy.fetchSeconds + policy.skewSeconds;
  const { overlapSeconds: _, rotateEverySeconds: __, ...kept } = policy;
  return withTurnover(
    {
      ...kept,
      jwksCacheSeconds: 2 * margin + chance.whole(1, 20),
      tokenSeconds: chance.happens(0.5) ? chance.whole(1, 30) : chance.whole(30, 200),
      leaseSeconds: policy.refreshSeconds + chance.whole(1, 20),
      standby: chance.happens(0.7),
    },
    chance,
  );
}

/** The shortest lawful turnover, or a little longer. */
function withTurnover(
  drawn: Omit<Partial<RotationPolicy>, "rotateEverySeconds">,
  chance: Chance,
): RotationPolicy {
  const roomy = { ...parsePolicy({ ...drawn, rotateEverySeconds: 100_000 }) };
  const least = Math.max(emitHold(roomy).seconds, Math.ceil(retireHold(roomy).seconds / 6));
  const rotateEverySeconds = least + (chance.happens(0.5) ? 0 : chance.whole(0, 20));
  return parsePolicy({ ...roomy, rotateEverySeconds });
}
