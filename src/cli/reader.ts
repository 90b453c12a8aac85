/** What becomes of a process when nobody reads its stdout any more. */

/** `keyturn status | head` closes the pipe early; that is no error. */
export function endsWithItsReader(): void {
  process.stdout.on("error", end);
}

/** A server is there for others than its reader: what it could not write, whoever wrote it is told. */
export function outlivesItsReader(): void {
  process.stdout.off("error", end).on("error", () => undefined);
}

function end(error: NodeJS.ErrnoException): void {
  process.exit(error.code === "EPIPE" ? 0 : 1);
}
