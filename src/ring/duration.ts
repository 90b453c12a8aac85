/** Seconds as people write them, to two units: `45s`, `2m`, `63m30s`, `5h10m`, `30d`. */
export function formatDuration(seconds: number): string {
  const sign = seconds < 0 ? "-" : "";
  const whole = Math.abs(Math.round(seconds));
  if (whole < 60) return `${sign}${whole}s`;
  if (whole < 3 * HOUR) return sign + joined(whole, [MINUTE, 1], ["m", "s"]);
  if (whole < 2 * DAY) return sign + joined(whole, [HOUR, MINUTE], ["h", "m"]);
  return sign + joined(whole, [DAY, HOUR], ["d", "h"]);
}

/** To the second, for durations that are compared: `4h` and `4h10s` must not look the same. */
export function exactDuration(seconds: number): string {
  if (seconds < 3 * HOUR) return formatDuration(seconds);
  const days = seconds < 2 * DAY ? 0 : Math.floor(seconds / DAY);
  const hours = Math.floor((seconds - days * DAY) / HOUR);
  const minutes = Math.floor((seconds % HOUR) / MINUTE);
  const parts = [`${days}d`, `${hours}h`, `${minutes}m`, `${seconds % MINUTE}s`];
  return parts.filter((part) => !/^0/.test(part)).join("");
}

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

function joined(seconds: number, [large, small]: [number, number], [l, s]: [string, string]): string {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)}${l}${rest === 0 ? "" : `${rest}${s}`}`;
}
