/**
 * The service as a process of its own: `npx node test/aws/main.ts '{"operator":["secretsmanager:*"]}'`.
 * Prints one line of JSON with the endpoint and each principal's credentials, runs until killed.
 */
import process from "node:process";
import { startAwsService } from "./service.ts";

if (import.meta.main) {
  const principals: Readonly<Record<string, string[]>> = JSON.parse(process.argv[2] ?? '{"default":["*"]}');
  const { endpoint, region, principal } = await startAwsService();
  const credentials = Object.fromEntries(
    Object.entries(principals).map(([name, allowed]) => [name, principal(name, allowed)]),
  );
  process.stdout.write(`${JSON.stringify({ endpoint, region, credentials })}\n`);
}
