import { describe, expect, it } from "vitest";
import { isVerifyError } from "../../src/verifier/index.ts";
import { KID_LENGTH_MAX, tokenParser } from "../../src/verifier/parse.ts";
import {
  AUDIENCE,
  encode,
  ISSUER,
  NOW,
  sampleKey,
  sign,
  signingInput,
  warmVerifier,
} from "./sample-issuer.ts";

const KEY = sampleKey("ES256");
const ROOMY = 16_384;

const parser = () => tokenParser(ROOMY);

function reasonFor(token: string, maxTokenBytes = ROOMY): string | null {
  try {
    tokenParser(maxTokenBytes).parse(token);
    return null;
  } catch (error) {
    if (isVerifyError(error)) return error.reason;
    throw error;
  }
}

describe("a parsed token", () => {
  it("has its header, its claims, its signature, and how much of it is signed", () => {
    const token = sign(KEY, { typ: "at+jwt", x: [1] }, { list: [{ a: "é" }] });
    const { header, claims, signature, signedLength, ...rest } = parser().parse(token);
    expect(header).toEqual({ alg: "ES256", kid: "ES256", typ: "at+jwt", x: [1] });
    expect(claims).toMatchObject({ iss: ISSUER, aud: AUDIENCE, exp: NOW + 600, list: [{ a: "é" }] });
    expect(`${token.slice(0, signedLength)}.${encode(signature)}`).toBe(token);
    expect(rest).toEqual({ token, encodedHeader: token.split(".")[0] });
  });

  it("cannot be changed, at any depth", () => {
    const { header, claims } = parser().parse(sign(KEY, { x: { y: [1] } }, { list: [{ a: [] }] }));
    const changes: (() => unknown)[] = [
      () => Object.assign(header, { alg: "none" }),
      () => (header["x"] as { y: number[] }).y.push(2),
      () => Object.assign(claims, { sub: "admin" }),
      () => Object.assign((claims["list"] as object[])[0] as object, { a: 1 }),
      () => (claims["list"] as { a: unknown[] }[])[0]?.a.push(1),
    ];
    for (const change of changes) expect(change).toThrow(TypeError);
  });

  it("may have an empty signature, which is for the key to refuse", () => {
    expect(parser().parse(`${signingInput(KEY)}.`).signature).toHaveLength(0);
  });

  it.each([
    ["without kid", { kid: undefined }],
    ["without typ", {}],
    ["with a kid as long as may be", { kid: "k".repeat(KID_LENGTH_MAX) }],
    ["with a kid in any script", { kid: "ключ 🔑 鍵" }],
    ["with members that nobody knows", { x5t: "AA", cty: "JWT", "x5t#S256": "BB", ppt: "shaken" }],
  ])("may be %s", (_, header) => {
    expect(reasonFor(sign(KEY, header))).toBeNull();
  });

  it.each([
    ["no claims at all", "{}"],
    ["claims in any white space", `\t{ "exp" :\r\n${NOW} } `],
    ["a fraction of a second", '{"exp":1800000000.25}'],
    ["the largest whole number", `{"exp":${Number.MAX_SAFE_INTEGER},"nbf":${Number.MIN_SAFE_INTEGER}}`],
    ["an instant in scientific notation", '{"iat":1.8e9}'],
    ["no audience among its audiences", '{"aud":[]}'],
  ])("may have %s", (_, claims) => {
    expect(reasonFor(sign(KEY, {}, claims))).toBeNull();
  });
});

describe("what is no token is refused as malformed, before anything that it says is judged:", () => {
  // `{}` is a header that is refused in other words once it is read.
  const EMPTY = encode("{}");

  it.each([
    ["nothing", ""],
    ["no dot", EMPTY],
    ["two parts", `${EMPTY}.${EMPTY}`],
    ["four parts", `${EMPTY}.${EMPTY}.${EMPTY}.${EMPTY}`],
    ["four parts, the last empty", `${EMPTY}.${EMPTY}.${EMPTY}.`],
    ["no header", `.${EMPTY}.${EMPTY}`],
    ["a header that is not base64url", `e30=.${EMPTY}.${EMPTY}`],
    ["a payload that is not base64url", `${signingInput(KEY).split(".")[0]}.e30=.${EMPTY}`],
    ["a signature that is not base64url", `${signingInput(KEY)}.e30=`],
  ])("%s", (_, token) => {
    expect(reasonFor(token)).toBe("token_malformed");
  });
});

describe("a header is refused", () => {
  it.each(["[]", "null", "1", '"ES256"', "true", "{", '{"alg":"ES256","alg":"ES256"}'])(
    "that is no JSON object of distinct names: %s",
    (header) => expect(reasonFor(sign(KEY, header))).toBe("header_malformed"),
  );

  it.each(["crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"])("that has %s", (name) => {
    for (const value of [null, [], true])
      expect(reasonFor(sign(KEY, { [name]: value }))).toBe("header_refused");
  });

  it.each(["none", "HS256", "es256", "constructor", "", 256, null, ["ES256"], undefined])(
    "with the algorithm %j",
    (alg) => expect(reasonFor(sign(KEY, { alg }))).toBe("alg_refused"),
  );

  it.each([
    ["none of its characters", ""],
    ["one character too many", "k".repeat(KID_LENGTH_MAX + 1)],
    ["a control character first", "\nkey"],
    ["a control character last", "key\u0085"],
    ["a number", 1],
    ["a list", ["key"]],
    ["null", null],
  ])("whose kid is or has %s", (_, kid) => {
    expect(reasonFor(sign(KEY, { kid }))).toBe("kid_malformed");
  });

  it.each([null, 1, ["JWT"], {}])("with the typ %j", (typ) => {
    expect(reasonFor(sign(KEY, { typ }))).toBe("header_malformed");
  });
});

describe("claims are refused", () => {
  it.each(["[]", "null", "1", '"sub"', "", "{", '{"sub":"a","sub":"a"}'])(
    "that are no JSON object of distinct names: %s",
    (claims) => expect(reasonFor(sign(KEY, {}, claims))).toBe("claims_malformed"),
  );

  it.each(["iss", "sub", "jti", "aud"])("whose %s is no text", (name) => {
    for (const value of [null, 1, true, {}])
      expect(reasonFor(sign(KEY, {}, { [name]: value }))).toBe("claims_malformed");
  });

  it.each(["iss", "sub", "jti"])("whose %s is a list of texts", (name) => {
    expect(reasonFor(sign(KEY, {}, { [name]: ["a"] }))).toBe("claims_malformed");
  });

  it("with an audience that is no text, and not with several that are", () => {
    expect(reasonFor(sign(KEY, {}, { aud: ["a", 1] }))).toBe("claims_malformed");
    expect(reasonFor(sign(KEY, {}, { aud: ["a", "b"] }))).toBeNull();
  });

  it.each(["exp", "nbf", "iat"])("whose %s is no instant that arithmetic can handle", (name) => {
    for (const value of ["null", '"1800000000"', "1e999", "-1e999", "9007199254740992", "[1800000000]"])
      expect(reasonFor(sign(KEY, {}, `{"${name}":${value}}`))).toBe("claims_malformed");
  });
});

describe("the limit of length", () => {
  const token = sign(KEY);

  it("takes a token that is as long, and none that is longer", () => {
    expect(reasonFor(token, token.length)).toBeNull();
    expect(reasonFor(token, token.length - 1)).toBe("token_too_large");
  });

  it("comes before all else, also where nothing else is right", () => {
    expect(reasonFor("\u0141".repeat(ROOMY + 1))).toBe("token_too_large");
    expect(reasonFor("\u0141".repeat(ROOMY))).toBe("token_malformed");
  });
});

describe("a header that was verified", () => {
  it("is kept, so that the next token's is the same object; one that was only read is not", () => {
    const { parse, remember } = parser();
    const [first, second] = [parse(sign(KEY)), parse(sign(KEY))];
    expect(second.header).not.toBe(first.header);
    remember(first);
    expect(parse(sign(KEY, {}, { sub: "user-2" })).header).toBe(first.header);
  });

  it("does not stand for one that only begins alike", () => {
    const { parse, remember } = parser();
    remember(parse(sign(KEY)));
    expect(parse(sign(KEY, { x: 1 })).header).toEqual({ alg: "ES256", kid: "ES256", x: 1 });
  });

  it("is kept for so many headers and no more, of which the latest is one", () => {
    const { parse, remember } = parser();
    const tokens = Array.from({ length: 200 }, (_, index) => sign(KEY, { x: index }));
    const parsed = tokens.map((token) => parse(token));
    for (const one of parsed) remember(one);
    const kept = tokens.filter((token, index) => parse(token).header === parsed[index]?.header);
    expect(kept).toContain(tokens.at(-1));
    expect(kept.length).toBeLessThan(100);
  });

  it("makes room for others only when there is none, not for one that is kept already", () => {
    const { parse, remember } = parser();
    const tokens = Array.from({ length: 64 }, (_, index) => sign(KEY, { x: index }));
    const parsed = tokens.map((token) => parse(token));
    for (const one of [...parsed, ...parsed.slice(0, 1)]) remember(one);
    for (const [index, token] of tokens.entries()) expect(parse(token).header).toBe(parsed[index]?.header);
    remember(parse(sign(KEY, { x: "one more" })));
    expect(parse(tokens[0] as string).header).not.toBe(parsed[0]?.header);
  });
});

// From JavaScript anything can come: a header that is not there, a list of headers of one name.
describe("what is no text at all", () => {
  const values: readonly unknown[] = [
    undefined,
    null,
    0,
    1.5,
    true,
    {},
    [],
    ["a.b.c"],
    Symbol("a"),
    () => "a.b.c",
    1n,
  ];

  it.each(values.map((value) => [String(value), value] as const))(
    "is refused as malformed: %s",
    async (_, value) => {
      for (const tokenCache of [{}, false] as const) {
        const { verifier } = await warmVerifier([KEY.jwk], { tokenCache });
        const token = value as string;
        await expect(verifier.verify(token)).rejects.toMatchObject({
          reason: "token_malformed",
          status: 401,
        });
        expect(() => verifier.verifySync(token)).toThrow(
          expect.objectContaining({ reason: "token_malformed", status: 401 }),
        );
      }
    },
  );
});
