/** Requests to the control plane are answered or refused, and each commit has the author that it should. */
import fc from "fast-check";
import { isKeyturnError } from "../../src/errors.ts";
import { recordsOf } from "../manager/fleet.ts";
import type { Row } from "../proof/section.ts";
import { adminRequests } from "./admin-requests.ts";
import { type ControlPlane, openControlPlane } from "./control-plane.ts";
import { type Extent, searched } from "./search.ts";
import { assertFaultless } from "./service.ts";

/** Longer than an emit hold, so that what was asked for comes about. */
const A_WHILE_SECONDS = 1300;

export async function adminRows(extent: Extent): Promise<Row[]> {
  const plane = await openControlPlane();
  const statuses = new Map<number, number>();
  const counted = () =>
    [...statuses]
      .sort(([a], [b]) => a - b)
      .map(([status, times]) => `${status} × ${times}`)
      .join(", ");
  const drawn = fc.tuple(
    adminRequests(plane.document),
    fc.oneof(
      { weight: 19, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.constant(A_WHILE_SECONDS) },
    ),
  );
  const property = fc.asyncProperty(drawn, async ([request, seconds]) => {
    if (seconds > 0) await plane.pass(seconds);
    const answer = await plane.answer(request);
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    assertFaultless(answer);
  });
  const row = await searched("requests to the control plane, any operation", property, extent, counted);
  return [row, await authorsRow(plane), errorsRow(plane)];
}

/** The author of a commit is the API token that it was asked with, whatever else the request said. */
async function authorsRow({ place, apiTokens }: ControlPlane): Promise<Row> {
  const names = new Set(apiTokens.list().map(({ id, name }) => `${name} (${id})`));
  const records = await recordsOf(place);
  const strange = records.filter(({ trigger, actor }) => trigger === "manual" && !names.has(actor));
  return {
    what: "commits that they made, and those by nobody's API token",
    figure: `${records.length - 1}, ${strange.length}${strange.map(({ actor }) => `; ${actor}`).join("")}`,
    ok: strange.length === 0,
  };
}

function errorsRow({ events }: ControlPlane): Row {
  const failed = events.flatMap((event) => ("error" in event ? [event.error] : []));
  const odd = failed.filter((error) => !isKeyturnError(error) || error.code === "internal");
  return {
    what: "errors inside, by requests to the control plane",
    figure: `${odd.length}${odd.map((error) => `; ${String(error)}`).join("")}`,
    ok: odd.length === 0,
  };
}
