import { defineConfig } from "vitest/config";
import { workerdRuns } from "./test/workerd-runs.ts";

const IN_WORKERD = ["vitest.workerd.config.ts", "vitest.workerd-verifier.config.ts"];

export default defineConfig({
  test: {
    projects: ["vitest.node.config.ts", ...(workerdRuns() ? IN_WORKERD : [])],
  },
});
