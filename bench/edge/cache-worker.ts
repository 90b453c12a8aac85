/**
 * What stands behind the Cache API here: copies in memory, with no network, disk or expiry. workerd asks it
 * over HTTP (GET, PUT, PURGE), and a PUT brings an answer as it would go over the wire.
 */

/** Text, because a Response is its request's that made it. */
interface Copy {
  readonly headers: [string, string][];
  readonly body: string;
}

const copies = new Map<string, Copy>();

export default {
  async fetch(request: Request, { CACHE }: { readonly CACHE: "keeps" | "forgets" }): Promise<Response> {
    const { method, url } = request;
    if (method === "PUT") {
      const copy = parsed(await request.text());
      if (CACHE === "keeps") copies.set(url, copy);
      return new Response(null, { status: 204 });
    }
    if (method === "PURGE") return new Response(null, { status: copies.delete(url) ? 200 : 404 });
    const copy = copies.get(url);
    if (copy === undefined)
      return new Response(null, { status: 504, headers: { "CF-Cache-Status": "MISS" } });
    const headers = new Headers(copy.headers);
    headers.set("CF-Cache-Status", "HIT");
    return new Response(copy.body, { headers });
  },
};

function parsed(wire: string): Copy {
  const end = wire.indexOf("\r\n\r\n");
  const [, ...lines] = wire.slice(0, end).split("\r\n");
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  return { headers, body: wire.slice(end + 4) };
}
