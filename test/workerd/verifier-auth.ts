/** What a test says to the issuer's Worker, and a bearer to the others. */
import { env } from "cloudflare:workers";

type Command = "anew" | "rotate" | "sign" | "asked" | "wait" | "hang" | "down";

/** @returns what the issuer says to it: a token, how often it was asked for its JWKS, or nothing of note */
export async function tell(command: Command, told: unknown = ""): Promise<unknown> {
  const body = typeof told === "string" ? told : JSON.stringify(told);
  const answer = await env.AUTH.fetch(`https://auth.example.com/${command}`, { method: "POST", body });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

export async function tokenFor(aud: string): Promise<string> {
  return String(await tell("sign", { sub: "user-1", aud }));
}

export function bearing(token: string, signal: AbortSignal | null = null): RequestInit {
  return { headers: { Authorization: `Bearer ${token}` }, signal };
}
