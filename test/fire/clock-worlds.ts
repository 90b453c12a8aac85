/**
 * A node whose wall clock is set wrong and right again, at any moment of a ring's life, while it
 * ticks, signs and serves, and while its store comes and goes. True time is what the monotonic clock
 * says; judged by it, nothing may happen before its time.
 */
import { isKeyturnError } from "../../src/errors.ts";
import { createKeyManager, type KeyManager } from "../../src/manager/manager.ts";
import { emitHold } from "../../src/ring/hold.ts";
import { DEFAULT_POLICY, type RotationPolicy } from "../../src/ring/policy.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { RingStore } from "../../src/store/store.ts";
import type { Row } from "../proof/section.ts";
import { type Dice, dice } from "./dice.ts";
import { part, verdict } from "./verdict.ts";

/** Of the full run. */
const WORLDS = 200;

const MINUTE = 60;
const HOUR = 3600;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;
export const JUMPS = [1, MINUTE, HOUR, DAY, YEAR].flatMap((seconds) => [seconds, -seconds]);

/** The defaults, with turnovers often enough that a world sees several. */
const POLICY: RotationPolicy = { ...DEFAULT_POLICY, rotateEverySeconds: 2 * HOUR };
const STARTS_AT = 1_800_000_000;
const STEP_SECONDS = 30;
const EXCURSIONS = 4;

export async function clockWorlds(share: number, seed: number): Promise<Row[]> {
  const worlds: World[] = [];
  for (let world = 0; world < part(share, WORLDS); world++) worlds.push(await World.lived(seed + world));
  const total = (count: (world: World) => number) => worlds.reduce((sum, world) => sum + count(world), 0);
  const judged = worlds.filter(({ isLong }) => !isLong);
  const of = (list: (world: World) => string[]) =>
    worlds.flatMap((world) => list(world).map((text) => `world ${world.seed}: ${text}`));
  const jumps = `${total((world) => world.jumps)} jumps of ±1 s to ±1 year`;
  return [
    verdict(
      "clock jumps: steps before their time by a right clock",
      `${total((world) => world.steps)} steps, ${jumps}`,
      of((world) => world.early),
    ),
    verdict(
      "clock jumps: signatures past the lease",
      `${total((world) => world.signatures)} signatures, ${total((world) => world.refusals)} refused`,
      of((world) => world.stale),
    ),
    verdict(
      "clock jumps: honest tokens whose key a node with a right clock lacks",
      `${total((world) => world.looks)} looks at the JWKS`,
      of((world) => world.missing),
    ),
    verdict(
      "clock jumps: turning over again once the clock is right",
      `${judged.filter(({ stuck }) => stuck.length === 0).length}/${judged.length} worlds`,
      of((world) => world.stuck),
    ),
  ];
}

/** One node, from the first key of its ring through four wrong clocks to the turnover after the last. */
class World {
  readonly seed: number;
  readonly early: string[] = [];
  readonly stale: string[] = [];
  readonly missing: string[] = [];
  readonly stuck: string[] = [];
  steps = 0;
  signatures = 0;
  refusals = 0;
  looks = 0;
  jumps = 0;
  readonly #dice: Dice;
  /**
   * Whether its clocks are wrong for longer than a hold. By then a jump is no longer to be told from
   * a machine that slept, so only what has been promised to tokens is asked for.
   */
  readonly isLong: boolean;
  #elapsed = 0;
  #wrongBy = 0;
  #storeDown = false;
  #readAt = 0;
  #turnedOverAt = 0;
  #keys!: KeyManager;
  #tokens: { readonly kid: string; readonly until: number }[] = [];

  private constructor(seed: number) {
    this.seed = seed;
    this.#dice = dice(seed);
    this.isLong = this.#dice.chance(0.25);
  }

  static async lived(seed: number): Promise<World> {
    const world = new World(seed);
    world.#keys = await createKeyManager({
      store: world.#store(),
      issuer: "https://auth.example.com",
      policy: POLICY,
      clock: { now: () => world.#now() + world.#wrongBy, monotonic: () => world.#elapsed },
    });
    for (let excursion = 0; excursion < EXCURSIONS; excursion++) {
      await world.#live(world.#dice.pick([30 * MINUTE, HOUR, 3 * HOUR]));
      world.#jump(world.#dice.pick(JUMPS));
      await world.#live(
        world.#dice.pick(world.isLong ? [25 * MINUTE, 2 * HOUR] : [STEP_SECONDS, 5 * MINUTE, 15 * MINUTE]),
      );
      world.#jump(-world.#wrongBy);
    }
    if (!world.isLong) await world.#recover();
    return world;
  }

  /** By a right clock. */
  #now(): number {
    return STARTS_AT + this.#elapsed;
  }

  #store(): RingStore {
    const store = memoryStore();
    const reach = <T>(work: () => Promise<T>): Promise<T> =>
      this.#storeDown ? Promise.reject(new Error("The store is down.")) : work();
    return {
      ...store,
      load: () =>
        reach(() => {
          this.#readAt = this.#elapsed;
          return store.load();
        }),
      replace: (document, expected) => reach(() => store.replace(document, expected)),
    };
  }

  #jump(seconds: number): void {
    this.#wrongBy += seconds;
    this.jumps += 1;
  }

  async #live(seconds: number): Promise<void> {
    const downFrom = this.#dice.chance(0.3) ? this.#elapsed + this.#dice.below(seconds) : Infinity;
    const downUntil = downFrom + this.#dice.pick([MINUTE, 10 * MINUTE]);
    for (const endsAt = this.#elapsed + seconds; this.#elapsed < endsAt; ) {
      this.#elapsed += STEP_SECONDS;
      this.#storeDown = this.#elapsed >= downFrom && this.#elapsed < downUntil;
      await this.#moment();
    }
    this.#storeDown = false;
  }

  async #moment(): Promise<void> {
    // A node of which only the signing runs finds out by itself that its lease is over.
    if (this.#dice.chance(0.8)) await this.#tick();
    await this.#sign();
    this.#look();
  }

  async #tick(): Promise<void> {
    const { step } = await this.#keys.tick().catch((error: unknown) => {
      if (this.#storeDown) return { step: null };
      throw error;
    });
    if (step === null) return;
    this.steps += 1;
    if (step.step === "emit") this.#turnedOverAt = this.#elapsed;
    const earlyBy = step.dueAt - this.#now() - POLICY.skewSeconds - 1;
    if (earlyBy > 0 && !this.isLong)
      this.early.push(`${step.step} came ${earlyBy} s early, with the clock ${this.#wrongBy} s off`);
  }

  async #sign(): Promise<void> {
    try {
      const { kid } = await this.#keys.sign({});
      this.signatures += 1;
      const age = this.#elapsed - this.#readAt;
      if (age > POLICY.leaseSeconds) this.stale.push(`signed by a ring read ${age} s before`);
      if (Math.abs(this.#wrongBy) <= POLICY.skewSeconds)
        this.#tokens.push({ kid, until: this.#now() + POLICY.tokenSeconds + POLICY.leewaySeconds });
    } catch (error) {
      if (!isKeyturnError(error, "ring_stale")) throw error;
      this.refusals += 1;
      if (!this.#storeDown) this.stale.push("refused to sign with the store at hand");
    }
  }

  #look(): void {
    this.#tokens = this.#tokens.filter(({ until }) => until > this.#now());
    if (Math.abs(this.#wrongBy) > POLICY.skewSeconds) return;
    this.looks += 1;
    const served = new Set(this.#keys.jwks().keys.map(({ kid }) => kid));
    const lost = this.#tokens.find(({ kid }) => !served.has(kid));
    if (lost !== undefined)
      this.missing.push(`a key is missing ${lost.until - this.#now()} s before its last token expires`);
  }

  /** With the clock right, the keys turn over within one period and the hold of a successor. */
  async #recover(): Promise<void> {
    const rightAt = this.#elapsed;
    const longest = POLICY.rotateEverySeconds + emitHold(POLICY).seconds + 10 * STEP_SECONDS;
    while (this.#elapsed < rightAt + longest) {
      this.#elapsed += STEP_SECONDS;
      await this.#moment();
      if (this.#turnedOverAt > rightAt) return;
    }
    const { blocked } = this.#keys.status();
    const ahead = this.#keys.ring().committedAt - this.#now();
    this.stuck.push(
      `no turnover in ${longest} s, blocked by ${blocked}: the last commit is ${ahead} s in the future`,
    );
  }
}
