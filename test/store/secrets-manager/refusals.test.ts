import { describe, expect, it } from "vitest";
import { isKeyturnError } from "../../../src/errors.ts";
import { ringTelling } from "../../../src/store/secrets-manager/refusals.ts";

const { failureOf, noCredentials } = ringTelling;
const DOCUMENT = "the document of the ring";

describe("of what the service seldom says is told", () => {
  const call = { operation: "PutSecretValue", secretId: "ring", kmsKey: null, where: "us-east-1" };
  const answer = (name: string, message: string, httpStatusCode = 400) =>
    Object.assign(new Error(message), { name, $fault: "client", $metadata: { httpStatusCode } });

  it.each([
    ["InvalidSignatureException", "Signature expired: 20270115T080000Z is now earlier than", /clock is off/],
    ["RequestTimeTooSkewed", "", /clock is off/],
    ["AccessDeniedException", "Access to KMS is not allowed", /kms:Decrypt.*aws\/secretsmanager/],
    ["InvalidRequestException", "it was marked for deletion", /scheduled for deletion/],
    [
      "ResourceNotFoundException",
      "Secrets Manager can't find the specified secret.",
      /no longer a secret ring/,
    ],
    ["TooManyRequestsException", "", /asked too often/],
    [
      "AccessDenied",
      "Not authorized to perform sts:AssumeRoleWithWebIdentity",
      /sts:AssumeRoleWithWebIdentity/,
    ],
    [
      "AccessDenied",
      "User: arn:aws:iam::1:user/x is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/y",
      /cannot be assumed: sts:AssumeRole\..*trust policy/,
    ],
  ])("%s: %s", (name, message, text) => {
    const { error, inDoubt } = failureOf(answer(name, message), call);
    expect(`${error.message} ${error.fix}`).toMatch(text);
    expect(inDoubt).toBe(false);
  });

  it("the name alone of what has none of these, because a validator may quote what it was given", () => {
    const { error } = failureOf(answer("ValidationException", `Value '${DOCUMENT}' failed`), call);
    expect(error.message).toContain("refuses PutSecretValue for the secret ring: ValidationException");
    expect(`${error.message} ${error.fix}`).not.toContain(DOCUMENT);
    expect(error.cause).toBeUndefined();
  });

  it("that the certificate is not good", () => {
    const error = Object.assign(new Error("self-signed certificate"), {
      code: "DEPTH_ZERO_SELF_SIGNED_CERT",
    });
    expect(failureOf(error, call).error.message).toContain("cannot prove who it is");
  });

  it.each([
    ["AccessDeniedException", "EKS may not assume the role", /refuses them to this node/],
    ["AccessDenied", "Not authorized to perform sts:AssumeRole", /cannot be assumed: sts:AssumeRole/],
    ["ThrottlingException", "", /giver of the AWS credentials is asked too often/],
    ["ResourceNotFoundException", "", /credentials for PutSecretValue cannot be had/],
  ])("%s of credentials that were not given: never a word of the secret", (name, message, text) => {
    const failure = noCredentials(answer(name, message), call);
    expect(`${failure.error.message} ${failure.error.fix}`).toMatch(text);
    expect(failure.error.message).not.toMatch(/secret|secretsmanager:/);
    expect(failure).toMatchObject({ name: "NoCredentials", inDoubt: false });
  });

  it.each([
    ["a string", "Region is missing"],
    ["nothing", undefined],
  ])("%s that is thrown", (_, thrown) => {
    expect(isKeyturnError(failureOf(thrown, call).error)).toBe(true);
  });
});
