/** What a node does apart from signing and serving: looking for a due step, committing one, starting up. */
import { rm } from "node:fs/promises";
import { createKeyManager, type KeyManager } from "../dist/index.js";
import { fileStore } from "../dist/node/index.js";
import { median } from "./interleave.ts";
import { ISSUER, KEK } from "./peers.ts";
import type { Figure, Group } from "./report.ts";
import { ask, startServe, temporaryFolder, tokenRequest } from "./served.ts";

export const commitGroups: readonly Group[] = [
  {
    name: "tick/idle",
    run: ({ quick }) => onFileStore("tick/idle", quick ? 20 : 500, (keys) => keys.tick()),
  },
  {
    name: "commit/file",
    // The smallest command that changes the ring, so that the commit is what is measured.
    run: ({ quick }) =>
      onFileStore("commit/file", quick ? 10 : 200, (keys) =>
        keys.ring().pausedAt === null ? keys.pause() : keys.resume(),
      ),
  },
  {
    name: "start/first-token",
    run: async ({ quick }) => figures("start/first-token", await timed(quick ? 1 : 9, startToFirstToken)),
  },
];

/** On a real ring with two keys, in a folder of the system's temporary directory. */
async function onFileStore(
  group: string,
  samples: number,
  work: (keys: KeyManager) => Promise<unknown>,
): Promise<Figure[]> {
  const folder = await temporaryFolder();
  try {
    const keys = await createKeyManager({ store: fileStore(folder), kek: KEK, issuer: ISSUER });
    await timed(10, () => work(keys));
    return figures(group, await timed(samples, () => work(keys)));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** From `keyturn serve --init` in an empty folder to a token in hand. */
async function startToFirstToken(): Promise<() => Promise<void>> {
  const node = await startServe();
  const { status } = await ask(node.port, tokenRequest(node.apiToken));
  if (status !== 200) throw new Error(`The first token was refused with ${status}`);
  return () => node.stop();
}

/** Milliseconds of each. What the work returns to be done after it is not measured. */
async function timed(samples: number, work: () => Promise<unknown>): Promise<number[]> {
  const milliseconds: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    const start = performance.now();
    const after = await work();
    milliseconds.push(performance.now() - start);
    if (typeof after === "function") await after();
  }
  return milliseconds;
}

function figures(group: string, samples: readonly number[]): Figure[] {
  const milliseconds = median(samples);
  return [{ group, case: "keyturn", opsPerSecond: 1000 / milliseconds, ratio: null, milliseconds }];
}
