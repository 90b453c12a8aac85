/** The tests that a mutant meets: those of the mutated rules, and of them the fast ones. */
import { readFileSync } from "node:fs";
import { mergeConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import ordinary from "./vitest.node.config.ts";

/** Most mutants fail the first test that looks: the rules' own examples come first, what makes keys next, properties last. */
class QuickestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const cost = new Map(files.map(({ moduleId }) => [moduleId, costOf(moduleId)]));
    return files.sort((a, b) => (cost.get(a.moduleId) ?? 0) - (cost.get(b.moduleId) ?? 0));
  }
}

function costOf(file: string): number {
  const text = readFileSync(file, "utf8");
  return text.length + (file.includes("/manager/") ? 1e6 : 0) + (text.includes("fc.assert") ? 2e6 : 0);
}

const mutation = mergeConfig(ordinary, {
  test: {
    // A mutant's tests share one worker and one copy of the modules: starting a worker for each file would cost more than the tests.
    isolate: false,
    setupFiles: ["test/repeatable.ts"],
    sequence: { sequencer: QuickestFirst },
  },
});
mutation.test.include = [
  "test/ring/**/*.test.ts",
  "test/manager/{*commit*,create,audit,rewrap}.test.ts",
  "test/verifier/{parse,base64url,strict-json}*.test.ts",
];
mutation.test.exclude = ["test/ring/history.test.ts"];

export default mutation;
