/** keyturn on Node: a configured server with its schedule, as `keyturn serve` runs it. */
export { fileStore } from "../store/file.ts";
export { type Config, readConfig } from "./config.ts";
export { fileSnapshots } from "./file-snapshots.ts";
export { fileTokenStore } from "./file-token-store.ts";
export { type RunningNode, type ServeOptions, serve } from "./serve.ts";
export type { Settings } from "./settings.ts";
