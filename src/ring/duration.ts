/** Seconds as people write them: `45s`, `2m`, `63m30s`, `5h10m`, `30d`. */
export function formatDuration(seconds: number): string {
  const sign = seconds < 0 ? "-" : "";
  const whole = Math.abs(Math.round(seconds));
  if (whole < 60) return `${sign}${whole}s`;
  if (whole < 3 * HOUR) return sign + joined(whole, [MINUTE, 1], ["m", "s"]);
  if (whole < 2 * DAY) return sign + joined(whole, [HOUR, MINUTE], ["h", "m"]);
  return sign + joined(whole, [DAY, HOUR], ["d", "h"]);
}

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

function joined(seconds: number, [large, small]: [number, number], [l, s]: [string, string]): string {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)}${l}${rest === 0 ? "" : `${rest}${s}`}`;
}
