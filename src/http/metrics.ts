/** `GET /metrics`: the text that Prometheus reads. */
import { type Context, Hono } from "hono";

export const METRICS_PATH = "/metrics";

/** One scrape; `Registry` of prom-client has both. */
export interface Scrape {
  readonly contentType: string;
  metrics(): Promise<string>;
}

export interface MetricsOptions {
  /** Brings the gauges up to date and gives what to scrape. */
  readonly scrape: () => Scrape;
  /** Throws for a caller that may not read the status. Default: everyone may. */
  readonly authorize?: (c: Context) => Promise<unknown>;
}

export function metricsRoutes({ scrape, authorize }: MetricsOptions): Hono {
  const routes = new Hono();
  routes.get(METRICS_PATH, async (c) => {
    await authorize?.(c);
    const page = scrape();
    const text = await page.metrics();
    return c.body(text, 200, { "Content-Type": page.contentType, "Cache-Control": "no-store" });
  });
  return routes;
}
