/** The durations of a rehearsal: seconds where a deployment has minutes, each wait as the policy demands. */
import { DEFAULT_POLICY, type RotationPolicy } from "../ring/policy.ts";

/** The shortest durations in whole seconds that make a sound policy, and tokens as long as they allow. */
export const REHEARSED_POLICY: Omit<RotationPolicy, "alg" | "rsaBits" | "overlapSeconds" | "standby"> = {
  rotateEverySeconds: 14,
  jwksCacheSeconds: 7,
  tokenSeconds: 12,
  skewSeconds: 0,
  refreshSeconds: 1,
  leaseSeconds: 2,
  fetchSeconds: 1,
  leewaySeconds: 0,
};

export const POLICY: RotationPolicy = { ...DEFAULT_POLICY, ...REHEARSED_POLICY };
