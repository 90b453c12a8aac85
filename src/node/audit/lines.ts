/**
 * A log as lines: read one after the other and never all at once, because whoever fills the log must not
 * fill the memory too; appended so that what another process tore stays a line of its own.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { KeyturnError } from "../../errors.ts";
import { refuseWideMode } from "../../store/file-access.ts";

const CHUNK_BYTES = 65_536;

/** Far longer than what keyturn writes. Of a longer line only a part is kept, and a part is no record. */
const LINE_BYTES_MAX = 65_536;

const LINE_FEED = 10;
const NOTHING = Buffer.alloc(0);

/** A pipe in place of the file would be waited for without end, and a process that waits so cannot even exit. Windows has none. */
const AT_ONCE = constants.O_NONBLOCK ?? 0;

/**
 * Opens a log for reading.
 *
 * @throws KeyturnError `store_permission`, `store_unavailable`, or the system's own error, like ENOENT
 */
export function openLog(path: string): Promise<FileHandle> {
  return opened(path, constants.O_RDONLY);
}

/** Appends whole lines and syncs them. Made for its owner alone where it is missing. */
export async function appendLines(path: string, text: string): Promise<void> {
  const file = await opened(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT);
  try {
    await file.writeFile((await endsTorn(file)) ? `\n${text}` : text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The whole lines, first to last. One without its line feed is not whole yet. */
export async function* linesOf(file: FileHandle): AsyncGenerator<string> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let begun = NOTHING;
  let at = 0;
  while (true) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    const read = chunk.subarray(0, bytesRead);
    let from = 0;
    for (let end = read.indexOf(LINE_FEED); end !== -1; end = read.indexOf(LINE_FEED, from)) {
      yield Buffer.concat([begun, read.subarray(from, end)]).toString();
      begun = NOTHING;
      from = end + 1;
    }
    begun = Buffer.concat([begun, read.subarray(from)]).subarray(0, LINE_BYTES_MAX);
  }
}

/** The same, last to first. */
export async function* linesFromEnd(file: FileHandle): AsyncGenerator<string> {
  let at = (await file.stat()).size;
  let begun = NOTHING;
  // What follows the last line feed is not whole.
  let isWhole = false;
  while (at > 0) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, at));
    at -= chunk.length;
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
    let rest = Buffer.concat([chunk.subarray(0, bytesRead), begun]);
    for (let before = rest.lastIndexOf(LINE_FEED); before !== -1; before = rest.lastIndexOf(LINE_FEED)) {
      if (isWhole) yield rest.subarray(before + 1).toString();
      isWhole = true;
      rest = rest.subarray(0, before);
    }
    begun = rest.subarray(0, LINE_BYTES_MAX);
  }
  if (isWhole) yield begun.toString();
}

async function opened(path: string, flags: number): Promise<FileHandle> {
  const file = await open(path, flags | AT_ONCE, 0o600);
  try {
    const found = await file.stat();
    if (!found.isFile()) throw notAFile(path);
    refuseWideMode(path, found.mode);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function endsTorn(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] !== LINE_FEED;
}

function notAFile(path: string): KeyturnError {
  return new KeyturnError("store_unavailable", `${path} is not a file.`, {
    fix: "Move what stands there aside, or name another file.",
  });
}
