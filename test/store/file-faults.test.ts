/**
 * The disk fails at each call of a commit in turn. Whatever the store then says must be true:
 * that it is committed, that it is not, or that this cannot be told.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../src/errors.ts";
import { fileStore } from "../../src/store/file.ts";
import { filesIn, newRingFolder, ringFile, seed, temporariesIn } from "./folders.ts";
import { atEveryCall, type Call, codeOf, type Hooks, hookedIo, systemError } from "./hooked-io.ts";

/** What the operating system says, and what keyturn may make of it. */
const FAULTS: readonly { errno: string; refusal: ErrorCode; linkRefusal: ErrorCode }[] = [
  { errno: "ENOSPC", refusal: "store_full", linkRefusal: "store_full" },
  { errno: "EDQUOT", refusal: "store_full", linkRefusal: "store_full" },
  { errno: "EACCES", refusal: "store_permission", linkRefusal: "store_permission" },
  { errno: "EROFS", refusal: "store_permission", linkRefusal: "store_permission" },
  // At the link, EPERM is how a file system says that it has no hard links.
  { errno: "EPERM", refusal: "store_permission", linkRefusal: "store_unavailable" },
  { errno: "EMFILE", refusal: "store_unavailable", linkRefusal: "commit_unknown" },
  { errno: "EIO", refusal: "store_unavailable", linkRefusal: "commit_unknown" },
];

/** From an empty place, where folders are made, and from a full history, where old numbers are pruned. */
const BEGINNINGS: readonly { name: string; commits: number }[] = [
  { name: "the first commit", commits: 0 },
  { name: "a commit that prunes", commits: 9 },
];

describe("fileStore on a failing disk", () => {
  for (const { name, commits } of BEGINNINGS) {
    for (const { errno, refusal, linkRefusal } of FAULTS) {
      it(`${name} that meets ${errno} at any call is whole or was never there`, async () => {
        const calls = await atEveryCall((at) =>
          commitWith(commits, at, {
            hooks: (fail) => ({ before: fail }),
            errno,
            allowed: ({ call, linked }) => {
              if (call.name === "link") return [linkRefusal];
              return linked ? ["committed", "commit_unknown"] : ["committed", refusal];
            },
          }),
        );
        expect(calls).toBeGreaterThan(12);
      });
    }

    it(`${name} whose calls take effect and yet report EIO is whole or was never there`, async () => {
      await atEveryCall((at) =>
        commitWith(commits, at, {
          hooks: (fail) => ({ after: fail }),
          errno: "EIO",
          allowed: ({ call, linked }) => {
            if (call.name === "link") return ["commit_unknown"];
            return linked ? ["committed", "commit_unknown"] : ["committed", "store_unavailable"];
          },
        }),
      );
    });
  }

  it("is in doubt about a commit only when the link or the fsync that makes it durable failed", async () => {
    const doubtful: string[] = [];
    await atEveryCall(async (at) => {
      const folder = await ringOf(9);
      const { io, met } = failing(at, "EIO", (fail) => ({ before: fail }));
      const revision = (await fileStore(folder).load())?.revision ?? null;
      const outcome = await codeOf(fileStore(folder, io).replace("new", revision));
      if (outcome === "commit_unknown") doubtful.push(`${met.call?.name} ${met.call?.path}`);
      return met.call !== undefined;
    });
    expect(doubtful.map((call) => call.replace(/\/\S*\//, ""))).toEqual([
      `link ${ringFile(10)}`,
      "sync ring",
    ]);
  });

  it("does not write at all when it cannot read", async () => {
    const folder = await ringOf(3);
    const names: string[] = [];
    const io = hookedIo({
      before: (call) => {
        names.push(call.name);
        if (call.name === "readFile") throw systemError("EIO", call);
      },
    });
    expect(await codeOf(fileStore(folder, io).replace("new", null))).toBe("store_unavailable");
    expect(names).toEqual(["readdir", "open", "stat", "readFile", "close"]);
  });

  it("never fsyncs a file again after the fsync has failed", async () => {
    const folder = await ringOf(3);
    const synced: string[] = [];
    const io = hookedIo({
      before: (call) => {
        if (call.name !== "sync") return;
        synced.push(call.path);
        throw systemError("EIO", call);
      },
    });
    const revision = (await fileStore(folder).load())?.revision ?? null;
    expect(await codeOf(fileStore(folder, io).replace("new", revision))).toBe("store_unavailable");
    expect(synced).toHaveLength(1);
    expect(await filesIn(folder)).toEqual([1, 2, 3].map(ringFile));
  });

  it("tells a file system without hard links from a lack of permission", async () => {
    for (const errno of ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]) {
      const folder = await ringOf(0);
      const io = hookedIo({
        before: (call) => {
          if (call.name === "link") throw systemError(errno, call);
        },
      });
      await expect(fileStore(folder, io).replace("new", null)).rejects.toMatchObject({
        code: "store_unavailable",
        message: `The file system of ${folder} has no hard links.`,
      });
    }
  });

  it("prunes no number while a temporary file that could fill the gap cannot be removed", async () => {
    const folder = await ringOf(9);
    const temporary = `.${ringFile(1)}.0123456789abcdef01234567.tmp`;
    await writeFile(`${folder}/${temporary}`, "paused");
    const io = hookedIo({
      before: (call) => {
        if (call.name === "unlink" && call.path.endsWith(temporary)) throw systemError("EIO", call);
      },
    });
    const revision = (await fileStore(folder).load())?.revision ?? null;
    const next = await fileStore(folder, io).replace("commit 10", revision);
    expect(await filesIn(folder)).toContain(ringFile(1));

    await fileStore(folder).replace("commit 11", next);
    expect(await filesIn(folder)).toEqual([10, 11].map(ringFile));
  });
});

interface Met {
  call?: Call;
  /** Whether the link had been made before the fault. */
  linked: boolean;
}

/** A file system whose call number `at` fails with `errno`, and what that call was. */
function failing(at: number, errno: string, hooks: (fail: (call: Call) => void) => Hooks) {
  const met: Met = { linked: false };
  const io = hookedIo(
    hooks((call) => {
      if (call.number === at) {
        met.call = call;
        throw systemError(errno, call);
      }
      if (call.name === "link") met.linked = true;
    }),
  );
  return { io, met };
}

/** One commit on a disk that fails at call `at`, everything checked. False when it never came to that call. */
async function commitWith(
  commits: number,
  at: number,
  fault: {
    readonly hooks: (fail: (call: Call) => void) => Hooks;
    readonly errno: string;
    readonly allowed: (met: { call: Call; linked: boolean }) => readonly string[];
  },
): Promise<boolean> {
  const folder = await ringOf(commits);
  const old = await fileStore(folder).load();
  const { io, met } = failing(at, fault.errno, fault.hooks);
  const outcome = await codeOf(fileStore(folder, io).replace("new", old?.revision ?? null));
  if (met.call === undefined) {
    expect(outcome).toBe("committed");
    return false;
  }

  const where = `${met.call.name} ${met.call.path}`;
  expect(fault.allowed({ call: met.call, linked: met.linked }), where).toContain(outcome);
  const found = await fileStore(folder).load();
  if (outcome === "committed") expect(found?.document, where).toBe("new");
  else if (outcome === "commit_unknown") expect([old?.document, "new"], where).toContain(found?.document);
  else expect({ ...found, storedAt: 0 }, where).toEqual({ ...old, storedAt: 0 });

  await fileStore(folder).replace("after", found?.revision ?? null);
  expect((await fileStore(folder).load())?.document, where).toBe("after");
  expect(await temporariesIn(folder), where).toEqual([]);
  return true;
}

async function ringOf(commits: number): Promise<string> {
  const folder = await newRingFolder();
  if (commits > 0) await mkdir(folder);
  const numbers = Array.from({ length: commits }, (_, index) => index + 1);
  await seed(folder, Object.fromEntries(numbers.map((number) => [number, `commit ${number}`])));
  return folder;
}
