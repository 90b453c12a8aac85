/** Where requests come in as they do when deployed: each with a context of its own, that ends when its client goes. */
import { WorkerEntrypoint } from "cloudflare:workers";

type Answering = (request: Request, context: ExecutionContext) => Promise<Response>;

let answering: Answering = async () => new Response(null, { status: 500 });

/** Who answers from now on. */
export function meet(next: Answering): void {
  answering = next;
}

export class Meeting extends WorkerEntrypoint {
  fetch(request: Request): Promise<Response> {
    return answering(request, this.ctx);
  }
}
