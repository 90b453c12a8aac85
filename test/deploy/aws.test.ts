/** The policies that come with keyturn for AWS: alike in CloudFormation, Terraform and AWS.md, enough, and no more. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, type ScalarTag } from "yaml";
import { kmsKek } from "../../src/kek/kms.ts";
import { secretKek } from "../../src/kek/secrets-manager.ts";
import type { KekSource } from "../../src/kek/source.ts";
import { createKeyManager, type KeyManager } from "../../src/manager/manager.ts";
import { secretsManagerStore } from "../../src/store/secrets-manager/index.ts";
import { type AwsService, startAwsService } from "../aws/service.ts";

/** `secretsmanager:GetSecretValue on Ring`, by the logical names of the template. */
type Grants = readonly string[];

const POLICIES = ["Signer", "Ticker", "Init"] as const;
type Policy = (typeof POLICIES)[number];

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
}

const listed = (value: string | readonly string[]): readonly string[] =>
  typeof value === "string" ? [value] : value;

/** CloudFormation's short forms, as the names that stand behind them. */
const TAGS: readonly ScalarTag[] = ["!Ref", "!Sub", "!GetAtt"].map((tag) => ({
  tag,
  resolve: (text: string) => text.replace(/\.Arn$/, ""),
}));

const template = parse(readFileSync("deploy/aws/cloudformation.yaml", "utf8"), { customTags: [...TAGS] });

function grantsInTemplate(policy: Policy): Grants {
  const statements: readonly Statement[] =
    template.Resources[`${policy}Policy`].Properties.PolicyDocument.Statement;
  return statements
    .flatMap(({ Action, Resource }) =>
      listed(Action).flatMap((action) => listed(Resource).map((resource) => `${action} on ${resource}`)),
    )
    .sort();
}

const TERRAFORM_NAMES: Readonly<Record<string, string>> = {
  ring: "Ring",
  api_tokens: "ApiTokens",
  kek: "Kek",
  keyturn: "Key",
};

function grantsInTerraform(policy: Policy): Grants {
  const text = readFileSync("deploy/aws/keyturn.tf", "utf8");
  const [, document = ""] =
    new RegExp(`data "aws_iam_policy_document" "${policy.toLowerCase()}" \\{([\\s\\S]*?)\\n\\}`).exec(text) ??
    [];
  return [...document.matchAll(/actions\s+= \[(.*?)\][\s\S]*?resources\s+= \[([\s\S]*?)\]/g)]
    .flatMap(([, actions = "", resources = ""]) =>
      [...actions.matchAll(/"(.+?)"/g)].flatMap(([, action]) =>
        [...resources.matchAll(/\w+\.(\w+)\.arn/g)].map(
          ([, name = ""]) => `${action} on ${TERRAFORM_NAMES[name]}`,
        ),
      ),
    )
    .sort();
}

const PAGE_NAMES: Readonly<Record<string, string>> = {
  ring: "Ring",
  "API tokens": "ApiTokens",
  KEK: "Kek",
  "the KMS key": "Key",
};

/** What a column of the page grants. */
function grantsOnPage(column: number): Grants {
  const [, table = ""] = /<!-- actions: .*-->\n([\s\S]*?)<!-- end of actions -->/.exec(
    readFileSync("AWS.md", "utf8"),
  ) ?? [""];
  const rows = table
    .split("\n")
    .slice(2)
    .map((line) => line.split("|").map((cell) => cell.trim()));
  return rows
    .filter((cells) => cells[column] === "yes")
    .flatMap(([, action = "", on = ""]) =>
      on.split(", ").map((name) => `${action.replaceAll("`", "")} on ${PAGE_NAMES[name]}`),
    )
    .sort();
}

const together = (...policies: readonly Policy[]): Grants =>
  [...new Set(policies.flatMap(grantsInTemplate))].sort();

describe("the policies for AWS", () => {
  it.each(POLICIES)("%s is the same in CloudFormation and Terraform", (policy) => {
    expect(grantsInTemplate(policy).length).toBeGreaterThan(1);
    expect(grantsInTerraform(policy)).toEqual(grantsInTemplate(policy));
  });

  it("are what AWS.md says of them", () => {
    const column = (index: number) => [...new Set(grantsOnPage(index))];
    expect(column(3)).toEqual(together("Signer"));
    expect(column(4)).toEqual(together("Signer", "Ticker"));
    expect(column(5)).toEqual(together("Signer", "Ticker", "Init"));
  });
});

const ISSUER = "https://auth.example.com";
const NAMES = { Ring: "auth/keyturn", ApiTokens: "auth/keyturn-api-token-book", Kek: "auth/keyturn-kek" };

describe("on a service with the template's secrets, still empty,", () => {
  let aws: AwsService;
  let arns: Readonly<Record<string, string>>;

  beforeAll(async () => {
    aws = await startAwsService();
    const { keyId, arn } = aws.makeKey();
    const made = Object.entries(NAMES).map(([logical, Name]) => {
      const { ARN } = aws.arrange("CreateSecret", { Name, KmsKeyId: keyId }) as { ARN: string };
      return [logical, ARN];
    });
    arns = { ...Object.fromEntries(made), Key: arn };
  });

  afterAll(() => aws.stop());

  /** A principal with these grants, and what it makes of the ring. */
  function having(name: string, grants: Grants) {
    const allowed = grants.map((grant) => {
      const [action, logical = ""] = grant.split(" on ");
      return `${action} on ${arns[logical]}`;
    });
    const at = { endpoint: aws.endpoint, region: aws.region, credentials: aws.principal(name, allowed) };
    const source: KekSource = kmsKek({
      ...at,
      keyId: arns["Key"] as string,
      context: { ring: ISSUER, schema: "1" },
      wrapped: secretKek({ ...at, secretId: NAMES.Kek }),
    });
    const open = async (createIfMissing = false): Promise<KeyManager> => {
      const texts = await source.read();
      return createKeyManager({
        store: secretsManagerStore({ ...at, secretId: NAMES.Ring }),
        issuer: ISSUER,
        kek: texts?.kek as string,
        createIfMissing,
      });
    };
    return { source, open };
  }

  it("init makes KEK and ring, nodes that take steps turn it over, and nodes that sign follow", async () => {
    const init = having("init", together("Signer", "Ticker", "Init"));
    expect(await init.source.create?.()).toBe(true);
    const first = (await init.open(true)).status().emitter;

    const ticker = await having("ticker", together("Signer", "Ticker")).open();
    const signer = await having("signer", together("Signer")).open();
    expect((await signer.sign({ sub: "user-1" })).kid).toBe(first);
    await ticker.revoke(first, { reason: "an exercise" });
    await signer.refresh();
    const { kid } = await signer.sign({ sub: "user-1" });
    expect(kid).not.toBe(first);
    expect(kid).toBe(ticker.status().emitter);
    await expect(signer.pause()).rejects.toMatchObject({
      code: "store_permission",
      message: expect.stringContaining("secretsmanager:PutSecretValue"),
    });
  });

  it.each(together("Signer", "Ticker").filter((grant) => !/ApiTokens/.test(grant)))(
    "a node that takes steps cannot do without %s",
    async (grant) => {
      const grants = together("Signer", "Ticker").filter((other) => other !== grant);
      const missing = grant.split(" on ")[0] as string;
      const failure = await having("less", grants)
        .open()
        .then((node) => node.pause())
        .then(
          () => null,
          (error: unknown) => error,
        );
      expect(failure).toMatchObject({ code: expect.stringMatching(/^(store_permission|commit_unknown)$/) });
      const told = failure as { message: string; fix: string; cause?: { message?: string; fix?: string } };
      expect([told.message, told.fix, told.cause?.message, told.cause?.fix].join(" ")).toContain(missing);
    },
  );
});
