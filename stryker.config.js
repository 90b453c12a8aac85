/**
 * Mutation testing of the rules: `npm run mutate`, or one file with `npm run mutate -- -m src/ring/hold.ts`.
 * What survives, and why it may, stands in CONTRIBUTING.md.
 */
export default {
  mutate: ["src/ring/*.ts", "src/manager/commit.ts", "src/verifier/{parse,base64url,strict-json}.ts"],
  testRunner: "vitest",
  plugins: ["@stryker-mutator/vitest-runner"],
  // Which tests a mutant needs is known from their coverage; a search for related files would only repeat it.
  vitest: { configFile: "vitest.mutation.config.ts", related: false },
  coverageAnalysis: "perTest",
  // What runs while a module loads (tables, schemas, constants) is covered by every test, so each of its
  // mutants would run all of them. The tests of policies and documents try those tables value by value.
  ignoreStatic: true,
  // Stryker would rewrite tsconfig.json with an API that TypeScript 7 no longer has. No such file, no rewriting.
  tsconfigFile: "tsconfig.none.json",
  // Vitest removes types without checking them, so mutants need no comment that forbids it.
  disableTypeChecks: false,
  // A mutant that loops is found by how often it runs; the rest of the waiting is for a machine with other work.
  timeoutMS: 5000,
  timeoutFactor: 1,
  concurrency: 2,
  tempDirName: ".stryker",
  reporters: ["clear-text", "progress", "json"],
  jsonReporter: { fileName: "reports/mutation.json" },
  clearTextReporter: { logTests: false, reportTests: false },
  thresholds: { high: 95, low: 90, break: 90 },
};
