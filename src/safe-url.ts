/**
 * Whether what travels to and from a URL is safe on its way: over TLS, or without leaving the
 * machine. A password in it would end up in logs.
 */
export function isSafeUrl({ protocol, hostname, username, password }: URL): boolean {
  if (username !== "" || password !== "") return false;
  return (
    protocol === "https:" || (protocol === "http:" && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname))
  );
}
