/** A service that stands in for AWS in a test file, and what nodes and commands need to find it and nothing real. */
import { afterAll, beforeAll, beforeEach } from "vitest";
import { environmentName } from "../../src/setting-text.ts";
import type { Credentials } from "../aws/principals.ts";
import { type AwsService, startAwsService } from "../aws/service.ts";
import { newPlace } from "./place.ts";

export const READ_ONLY = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"];
export const WRITING = ["secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"];

export interface OnAws {
  readonly aws: AwsService;
  /** Names of this test's secrets begin with it. */
  readonly name: string;
  /** The settings that lead to this test's ring. */
  flags(): Readonly<Record<string, string>>;
  /** The same as variables. */
  variables(): Record<string, string>;
  /** Of a process that has these credentials; default: of somebody who may do everything. */
  environment(credentials?: Credentials): Promise<Record<string, string>>;
}

/** One service per test file, and per test secrets of its own. */
export function onAws(): OnAws {
  let service: AwsService | null = null;
  let tests = 0;
  const world: OnAws & { name: string } = {
    get aws() {
      if (service === null) throw new Error("The service has not started.");
      return service;
    },
    name: "",
    flags: () => ({
      store: "aws",
      secretId: `${world.name}/ring`,
      kekSecretId: `${world.name}/kek`,
      awsEndpoint: world.aws.endpoint,
      awsRegion: world.aws.region,
    }),
    variables: () =>
      Object.fromEntries(
        Object.entries(world.flags()).map(([name, value]) => [environmentName(name), value]),
      ),
    environment: async (credentials = world.aws.principal("anybody")) => ({
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      // Of whoever runs the tests, nothing.
      HOME: await newPlace(),
      AWS_SESSION_TOKEN: "",
      AWS_PROFILE: "",
      AWS_REGION: "",
      AWS_DEFAULT_REGION: "",
      AWS_CONFIG_FILE: "/dev/null",
      AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
      AWS_EC2_METADATA_DISABLED: "true",
    }),
  };
  beforeAll(async () => {
    service = await startAwsService();
  });
  beforeEach(() => {
    world.name = `keyturn/test-${++tests}`;
    world.aws.clearFaults();
    world.aws.forgetCalls();
  });
  afterAll(() => service?.stop());
  return world;
}
