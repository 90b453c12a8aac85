/** For the tests of those who build on keyturn: what a store must do. */
export { type StoreBench, type StoreCase, storeContract } from "./store-contract.ts";
