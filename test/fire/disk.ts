/**
 * A disk that knows what of it would survive a power cut: what was fsynced, and of the rest nothing
 * that could be relied on. It does what POSIX promises and no more; real file systems promise more
 * in one way or another, so what survives here survives on all of them.
 */
import { basename, dirname } from "node:path";
import type { FileIo, OpenFile } from "../../src/store/file-access.ts";
import type { Dice } from "./dice.ts";

/** Power fails before a sector is written or after, never within one. */
const SECTOR_BYTES = 512;

class File {
  content: Buffer;
  durable: Buffer;

  constructor(content: Buffer) {
    this.content = content;
    this.durable = content;
  }
}

class Folder {
  readonly entries = new Map<string, Entry>();
  /** Changes of entries that no fsync has followed yet, in their order. */
  unsynced: { readonly name: string; readonly from: Entry | null; readonly to: Entry | null }[] = [];

  set(name: string, to: Entry | null): void {
    this.unsynced.push({ name, from: this.entries.get(name) ?? null, to });
    if (to === null) this.entries.delete(name);
    else this.entries.set(name, to);
  }
}

type Entry = File | Folder;

/** What a cheap disk, or a careless program, leaves out: its fsync does nothing. */
export type Forgets = "files" | "folders" | "nothing";

/** Thrown by every call after the power has failed; nobody is there to hear it. */
export class PowerCut extends Error {}

export interface DiskOptions {
  readonly forgets?: Forgets;
  /** What a power cut has left of an earlier disk. */
  readonly root?: Folder;
}

export class Disk {
  calls = 0;
  /** The call that finds the power gone; every later one does as well. */
  cutAt: number = Infinity;
  readonly #root: Folder;
  readonly #forgets: Forgets;

  constructor({ forgets = "nothing", root = new Folder() }: DiskOptions = {}) {
    this.#root = root;
    this.#forgets = forgets;
  }

  readonly io: FileIo = {
    open: async (path, flags) => {
      this.#call();
      const folder = this.#folderOf(path);
      if (flags === "r") return this.#opened(path === "/" ? this.#root : entryIn(folder, path));
      if (folder.entries.has(basename(path))) throw systemError("EEXIST", path);
      const file = new File(Buffer.alloc(0));
      folder.set(basename(path), file);
      return this.#opened(file);
    },
    link: async (from, to) => {
      this.#call();
      const entry = entryIn(this.#folderOf(from), from);
      const folder = this.#folderOf(to);
      if (folder.entries.has(basename(to))) throw systemError("EEXIST", to);
      folder.set(basename(to), entry);
    },
    unlink: async (path) => {
      this.#call();
      entryIn(this.#folderOf(path), path);
      this.#folderOf(path).set(basename(path), null);
    },
    readdir: async (path) => {
      this.#call();
      return [...this.#folderAt(path).entries.keys()];
    },
    mkdir: async (path) => {
      this.#call();
      const missing: string[] = [];
      for (
        let at = path;
        at !== "/" && !this.#folderOf(at, true)?.entries.has(basename(at));
        at = dirname(at)
      )
        missing.unshift(at);
      for (const at of missing) this.#folderOf(at).set(basename(at), new Folder());
      return missing[0];
    },
  };

  /** The disk after the power came back: all that was synced, and of the rest what the dice leave. */
  survivor(dice: Dice): Disk {
    const known = new Map<Entry, Entry>();
    const survived = (entry: Entry): Entry => {
      const twin = known.get(entry) ?? (entry instanceof File ? new File(torn(entry, dice)) : new Folder());
      if (!known.has(entry)) {
        known.set(entry, twin);
        if (entry instanceof Folder)
          for (const [name, kept] of entriesLeft(entry, dice))
            (twin as Folder).entries.set(name, survived(kept));
      }
      return twin;
    };
    return new Disk({ forgets: this.#forgets, root: survived(this.#root) as Folder });
  }

  #call(): void {
    this.calls += 1;
    if (this.calls >= this.cutAt) throw new PowerCut("The power is gone.");
  }

  #opened(entry: Entry): OpenFile {
    const file = () => {
      this.#call();
      if (entry instanceof File) return entry;
      throw systemError("EISDIR", "");
    };
    return {
      stat: async () => {
        const { content } = file();
        return { mode: 0o600, size: content.length, ctimeMs: 0, mtimeMs: 0, isFile: () => true };
      },
      readFile: async () => file().content,
      writeFile: async (content) => {
        const written = file();
        written.content = Buffer.from(content);
      },
      sync: async () => {
        this.#call();
        if (entry instanceof File && this.#forgets !== "files") entry.durable = entry.content;
        if (entry instanceof Folder && this.#forgets !== "folders") entry.unsynced = [];
      },
      close: async () => this.#call(),
    };
  }

  #folderAt(path: string): Folder {
    if (path === "/") return this.#root;
    const entry = entryIn(this.#folderOf(path), path);
    if (entry instanceof Folder) return entry;
    throw systemError("ENOTDIR", path);
  }

  #folderOf(path: string): Folder;
  #folderOf(path: string, orNone: true): Folder | null;
  #folderOf(path: string, orNone?: true): Folder | null {
    try {
      return this.#folderAt(dirname(path));
    } catch (error) {
      if (orNone) return null;
      throw error;
    }
  }
}

/** Each change of an entry since the last fsync has reached the disk or not, whatever became of the others. */
function entriesLeft({ entries, unsynced }: Folder, dice: Dice): Map<string, Entry> {
  const left = new Map(entries);
  for (const { name, from } of unsynced.toReversed()) put(left, name, from);
  for (const { name, to } of unsynced) if (dice.chance(0.5)) put(left, name, to);
  return left;
}

function put(entries: Map<string, Entry>, name: string, entry: Entry | null): void {
  if (entry === null) entries.delete(name);
  else entries.set(name, entry);
}

/** Some sectors of what was written since the last fsync, over what was there before, up to some length. */
function torn({ content, durable }: File, dice: Dice): Buffer {
  if (content === durable) return durable;
  const length = dice.chance(0.5) ? content.length : dice.below(content.length + 1);
  const left = Buffer.alloc(length);
  durable.copy(left);
  for (let at = 0; at < length; at += SECTOR_BYTES)
    if (dice.chance(0.5)) content.copy(left, at, at, at + SECTOR_BYTES);
  return left;
}

function entryIn({ entries }: Folder, path: string): Entry {
  const entry = entries.get(basename(path));
  if (entry === undefined) throw systemError("ENOENT", path);
  return entry;
}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: '${path}'`), { code });
}
