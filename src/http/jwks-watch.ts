import type { OnEvent } from "../telemetry/events.ts";
import type { JwksAnswers } from "./jwks.ts";

/** The same answers, each of them told. Whoever serves them, by Hono or in front of it, is heard so. */
export function watchedAnswers(answers: JwksAnswers, onEvent: OnEvent): JwksAnswers {
  return (ifNoneMatch) => {
    const answer = answers(ifNoneMatch);
    onEvent(answer.status === 200 ? OK : NOT_MODIFIED);
    return answer;
  };
}

/** Made once: an answer costs little more than sending it. */
const OK = { type: "jwks_answered", status: 200 } as const;
const NOT_MODIFIED = { type: "jwks_answered", status: 304 } as const;
