/** A service of AWS Secrets Manager for a test file, and stores on it. */
import { afterAll, beforeAll, beforeEach } from "vitest";
import type { SecretsManagerStoreOptions } from "../../../src/store/secrets-manager/index.ts";
import type { RingStore } from "../../../src/store/store.ts";
import { type AwsService, type AwsServiceOptions, startAwsService } from "../../aws/service.ts";
import { openStore } from "./stores.ts";

export interface Bench {
  readonly aws: AwsService;
  /** The clock of the service. */
  now: number;
  /** A store of its own, as another process has. `secretId` by default that of this test alone. */
  open(options?: Partial<SecretsManagerStoreOptions>): RingStore;
  /** The name of this test's secret. */
  readonly secretId: string;
  /** The operations that were asked for since the test began or `forget` was called. */
  asked(): string[];
  forget(): void;
}

/** One service per test file, and per test a secret of its own. */
export function onAws(options: AwsServiceOptions = {}): Bench {
  let service: AwsService | null = null;
  let secrets = 0;
  const bench: Bench & { secretId: string } = {
    get aws() {
      if (service === null) throw new Error("The service has not started.");
      return service;
    },
    now: 1_800_000_000,
    secretId: "",
    open: (given = {}) => openStore(bench.aws, { secretId: bench.secretId, ...given }),
    forget: () => bench.aws.forgetCalls(),
    asked: () => bench.aws.calls.map(({ operation }) => operation),
  };
  beforeAll(async () => {
    service = await startAwsService({ now: () => bench.now, ...options });
  });
  beforeEach(() => {
    bench.secretId = `keyturn/ring-of-test-${++secrets}`;
    bench.aws.clearFaults();
    bench.aws.staleReads(0);
    bench.aws.skewClock(0);
    bench.aws.forgetCalls();
  });
  afterAll(() => service?.stop());
  return bench;
}
