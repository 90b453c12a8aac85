/** What every service of AWS is asked with: where it is, and as whom. */
import { systemClock } from "../clock.ts";
import { KeyturnError } from "../errors.ts";
import { isSafeUrl } from "../safe-url.ts";
import { regionOf } from "./secret-id.ts";

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** When they have to be asked for again. */
  readonly expiration?: Date;
}

export interface AwsOptions {
  /** Default: that of the ARN, else what the SDK finds (AWS_REGION, the shared configuration). */
  readonly region?: string;
  /** Where the service is, if not at its usual place: https, or http on loopback. */
  readonly endpoint?: string;
  /** Default: what the SDK finds (environment, shared configuration, the role of task, pod or instance). */
  readonly credentials?: AwsCredentials | (() => Promise<AwsCredentials>);
}

/** As the constructors of the SDK's clients take it. A client makes every request once. */
export interface ClientSettings extends AwsOptions {
  readonly maxAttempts: 1;
}

export function clientSettings({ region, endpoint, credentials }: AwsOptions): ClientSettings {
  return {
    maxAttempts: 1,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined
      ? {}
      : { credentials: typeof credentials === "function" ? remembered(credentials) : credentials }),
  };
}

/** As the SDK does: what ends so soon may end under way. */
export const ENDS_SOON_SECONDS = 300;

/**
 * Asked for when they are needed, and kept until they are about to end. The SDK would have all who ask at once
 * wait for one answer, and for ever where that never comes: on Workers it ends with the request that began it.
 */
function remembered(ask: () => Promise<AwsCredentials>): () => Promise<AwsCredentials> {
  let kept: AwsCredentials | null = null;
  async function credentials(): Promise<AwsCredentials> {
    if (kept === null || endsSoon(kept)) kept = await ask();
    return kept;
  }
  // By this the SDK knows that it need not remember them itself.
  return Object.assign(credentials, { memoized: true });
}

function endsSoon({ expiration }: AwsCredentials): boolean {
  return expiration !== undefined && expiration.getTime() / 1000 - systemClock.now() < ENDS_SOON_SECONDS;
}

/** For people: where the service is looked for. */
export function whereOf({ region, endpoint }: AwsOptions): string {
  return endpoint ?? region ?? "the SDK's own region";
}

/** @throws KeyturnError `config_invalid` */
export function assertSafeEndpoint(service: string, endpoint: string | undefined): void {
  if (endpoint === undefined || (URL.canParse(endpoint) && isSafeUrl(new URL(endpoint)))) return;
  throw new KeyturnError("config_invalid", `The endpoint of ${service} is no safe URL.`, {
    fix: "Give an https:// URL, or http:// on this machine, without a password in it.",
  });
}

/** Where things are, as it was configured for all of them. */
export interface AwsPlace {
  readonly awsRegion: string | null;
  readonly awsEndpoint: string | null;
}

/** What is named by its ARN may be in a region of its own; what is left out is what the SDK finds. */
export function awsOptionsFor(id: string, { awsRegion, awsEndpoint }: AwsPlace): AwsOptions {
  const region = id.startsWith("arn:") ? regionOf(id) : awsRegion;
  return {
    ...(region === null ? {} : { region }),
    ...(awsEndpoint === null ? {} : { endpoint: awsEndpoint }),
  };
}

/** In the region of what its ARN names, where no other is set. */
export function inRegion(options: AwsOptions, regionOfArn: string | null): AwsOptions {
  return options.region !== undefined || regionOfArn === null ? options : { ...options, region: regionOfArn };
}
