/**
 * A file system whose every call can be met: counted, failed, paused in, or not survived. It wraps
 * the real one, so that what a test finds on disk afterwards is what keyturn would.
 */
import { isKeyturnError } from "../../src/errors.ts";
import { type FileIo, nodeFileIo, type OpenFile } from "../../src/store/file-access.ts";

/** One call, in the order in which the store makes them; the first is 1. */
export interface Call {
  readonly number: number;
  readonly name: string;
  readonly path: string;
}

export interface Hooks {
  before?(call: Call): void | Promise<void>;
  /** The call has had its effect, or failed; what is thrown here is all that the store hears of it. */
  after?(call: Call): void | Promise<void>;
}

export function hookedIo({ before, after }: Hooks): FileIo {
  let calls = 0;

  async function met<T>(name: string, path: string, run: () => Promise<T>): Promise<T> {
    calls += 1;
    const call = { number: calls, name, path };
    await before?.(call);
    try {
      return await run();
    } finally {
      await after?.(call);
    }
  }

  function metFile(path: string, file: OpenFile): OpenFile {
    return {
      stat: () => met("stat", path, () => file.stat()),
      readFile: () => met("readFile", path, () => file.readFile()),
      writeFile: (content) => met("writeFile", path, () => file.writeFile(content)),
      sync: () => met("sync", path, () => file.sync()),
      async close() {
        try {
          await met("close", path, () => file.close());
        } finally {
          await file.close(); // As in Linux, a close that fails has closed the file all the same.
        }
      },
    };
  }

  return {
    open: (path, flags, mode) => {
      let opened: OpenFile | undefined;
      return met("open", path, async () => {
        opened = await nodeFileIo.open(path, flags, mode);
        return metFile(path, opened);
      }).catch(async (error: unknown) => {
        await opened?.close();
        throw error;
      });
    },
    link: (from, to) => met("link", to, () => nodeFileIo.link(from, to)),
    unlink: (path) => met("unlink", path, () => nodeFileIo.unlink(path)),
    readdir: (path) => met("readdir", path, () => nodeFileIo.readdir(path)),
    mkdir: (path, options) => met("mkdir", path, () => nodeFileIo.mkdir(path, options)),
  };
}

/** What the operating system throws, e.g. `EIO`. */
export function systemError(code: string, call: Call): Error {
  return Object.assign(new Error(`${code}: injected, ${call.name} '${call.path}'`), { code });
}

/**
 * Runs `attempt` for its first call, its second, and so on, each time from the beginning, until it
 * says that it never got as far. Returns how many calls it makes.
 */
export async function atEveryCall(attempt: (at: number) => Promise<boolean>): Promise<number> {
  for (let at = 1; ; at++) if (!(await attempt(at))) return at - 1;
}

/** `committed`, or the code that the commit was refused with. */
export async function codeOf(commit: Promise<string>): Promise<string> {
  return commit.then(
    () => "committed",
    (error: unknown) => (isKeyturnError(error) ? error.code : `${error}`),
  );
}
