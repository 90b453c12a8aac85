/** Where the key-encryption key (KEK) of a ring comes from, whatever keeps it. */

export interface KekTexts {
  readonly kek: string;
  readonly previousKek: string | null;
  /** The previous one is wrapped and is whatever stood there before: only KMS can tell whether it is a KEK. */
  readonly previousUnproven?: true;
}

/** Where the key-encryption key of a ring comes from. */
export interface KekSource {
  /** For people: what and where. Never a secret. */
  readonly description: string;
  /**
   * null: there is none there (as opposed to: it cannot be told, which throws).
   *
   * @throws KeyturnError `store_permission`, `store_unavailable`, `kek_invalid`, `config_invalid`
   */
  read(): Promise<KekTexts | null>;
  /**
   * Makes a new KEK there unless there is one; of two that do so at once one wins. Absent where keyturn
   * cannot write.
   *
   * @returns whether this call made it
   * @throws KeyturnError as `read` does
   */
  create?(): Promise<boolean>;
}

/** What keeps texts and does not ask what they mean: a KEK, or one that is wrapped. */
export interface KekPlace extends Pick<KekSource, "description" | "read"> {
  /**
   * Keeps what `make` gives unless there is something, in which case `make` need not be called. Absent
   * where keyturn cannot write.
   *
   * @returns whether this call's text is the one that is kept
   */
  put?(make: () => Promise<string>): Promise<boolean>;
}

/** The KEK itself stands in that place. */
export function clearKek(place: KekPlace): KekSource {
  const { description, put } = place;
  return {
    description,
    read: () => place.read(),
    ...(put === undefined ? {} : { create: () => put(newKek) }),
  };
}

async function newKek(): Promise<string> {
  // Loaded when it is needed: whoever only reads a KEK does without what generates one.
  const { generateKek } = await import("../keys/kek.ts");
  return generateKek();
}
