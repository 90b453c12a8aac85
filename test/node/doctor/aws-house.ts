/** A ring in AWS Secrets Manager for the doctor to look at, as whoever the test becomes. */
import { beforeEach, vi } from "vitest";
import type { Config } from "../../../src/node/config.ts";
import { type OnAws, onAws } from "../on-aws.ts";
import { firstToken } from "../opened.ts";
import { configIn, newPlace } from "../place.ts";

export interface HouseOnAws {
  readonly world: OnAws;
  /** @param allowed default: everything */
  become(name: string, allowed?: readonly string[]): Promise<void>;
  /** A ring and an API token in their secrets, the KEK in a third. */
  house(more?: Readonly<Record<string, string>>): Promise<Config>;
}

export function houseOnAws(): HouseOnAws {
  const world = onAws();
  async function become(name: string, allowed?: readonly string[]): Promise<void> {
    const environment = await world.environment(world.aws.principal(name, allowed));
    for (const [variable, value] of Object.entries(environment)) vi.stubEnv(variable, value);
  }
  beforeEach(async () => {
    await become("owner");
    return () => void vi.unstubAllEnvs();
  });
  return {
    world,
    become,
    async house(more = {}) {
      const config = await configIn(await newPlace(), {
        ...world.flags(),
        jwksUrl: "http://127.0.0.1:9/",
        ...more,
      });
      await firstToken(config);
      world.aws.forgetCalls();
      return config;
    },
  };
}
