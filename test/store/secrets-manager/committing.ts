/** A process that commits once: `committing.ts <options of the store as JSON> <document>`. */
import process from "node:process";
import { secretsManagerStore } from "../../../src/store/secrets-manager/index.ts";

const [, , options = "{}", document = ""] = process.argv;
const store = secretsManagerStore(JSON.parse(options));
const base = (await store.load())?.revision ?? null;
await store.replace(document, base);
