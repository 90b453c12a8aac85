/** Requests of every kind are answered or refused, and never break anything. */
import fc from "fast-check";
import type { Row } from "../proof/section.ts";
import { anyRequests, signRequests } from "./requests.ts";
import { type Extent, searched } from "./search.ts";
import { assertFaultless, openService } from "./service.ts";

export async function httpRows(extent: Extent): Promise<Row[]> {
  const service = await openService();
  const statuses = new Map<number, number>();
  const count = (status: number) => statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const counted = () =>
    [...statuses]
      .sort(([a], [b]) => a - b)
      .map(([status, times]) => `${status} × ${times}`)
      .join(", ");
  const generation = service.keys.ring().generation;

  const rows: Row[] = [];
  for (const [what, requests] of [
    ["POST /v1/tokens, any body and headers", signRequests],
    ["any method on any path", anyRequests],
  ] as const) {
    statuses.clear();
    const property = fc.asyncProperty(requests, async (request) => {
      const answer = await service.answer(request);
      count(answer.status);
      assertFaultless(answer);
    });
    rows.push(await searched(what, property, extent, counted));
  }
  const untouched = service.keys.ring().generation === generation && service.place.history.length === 1;
  const failed = service.events.filter(({ type }) => type === "request_failed");
  const odd = failed.filter(
    (event) => "error" in event && !(event.error instanceof Error && event.error.name === "KeyturnError"),
  );
  rows.push({
    what: "commits made, and errors inside, by requests",
    figure: `${service.place.history.length - 1}, ${odd.length}`,
    ok: untouched && odd.length === 0,
  });
  return rows;
}
