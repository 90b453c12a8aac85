/** Servers that are asked the same, each in a process of its own, in turn: rate, time on a core, latency. */
import { interleave, median } from "../interleave.ts";
import { type Load, type LoadGenerator, measured } from "../load.ts";
import type { Figure } from "../report.ts";

export interface Server {
  readonly port: number;
  readonly pid: number;
}

export interface Side extends Pick<Figure, "beside"> {
  readonly name: string;
  readonly server: Server;
  readonly request: Load["request"];
}

export interface Plan {
  readonly group: string;
  readonly status?: number;
  readonly connections: number;
  readonly rounds: number;
}

const SLICE_MS = 150;

/** @param sides the first is the reference, `raw` */
export async function sideBySide(
  load: LoadGenerator,
  sides: readonly Side[],
  { group, status = 200, connections, rounds }: Plan,
): Promise<Figure[]> {
  const latencies = new Map(sides.map(({ name }) => [name, [] as number[]]));
  const contenders = sides.map(({ name, server: { port, pid }, request }) => ({
    name,
    async slice() {
      const job = { port, request, status, connections, milliseconds: SLICE_MS };
      const { perSecond, p50Milliseconds } = await measured(load, pid, job);
      latencies.get(name)?.push(p50Milliseconds);
      return perSecond;
    },
  }));
  await interleave(contenders, 2); // All servers, and the load, warm.
  for (const seen of latencies.values()) seen.length = 0;
  const rates = await interleave(contenders, rounds);
  return rates.map(({ name, opsPerSecond, ratio }) => {
    const { beside } = sides.find((side) => side.name === name) ?? {};
    return {
      ...{ group, case: name, opsPerSecond, ratio },
      cpuMicroseconds: 1e6 / opsPerSecond,
      p50Milliseconds: median(latencies.get(name) ?? []),
      ...(beside === undefined ? {} : { beside }),
    };
  });
}
