/**
 * Dates as messages carry them.
 *
 * The one rule: times come in as milliseconds since the epoch; the text is made once a second and kept, because making it
 * costs more than parsing a command. Times that have no four-digit year are moved into the range 1970 to 9999 (attack A65).
 * It does not read a clock nor the zone of the machine: the offset is handed in, UTC when it is not.
 * Truth: RFC 5322 section 3.3.
 */

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** The last second of the year 9998: an offset cannot push it into a five-digit year. */
const LATEST_SECOND = 253_370_764_799;
const OFFSET_MAX = 23 * 60 + 59;

let cachedSecond = -1;
let cachedOffset = 0;
let cachedText = '';

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/**
 * `Sun, 22 Nov 2026 21:38:32 +0000`.
 * @param epochMs milliseconds since the epoch
 * @param offsetMinutes minutes east of UTC, -1439 to 1439
 */
export function formatDate(epochMs: number, offsetMinutes = 0): string {
  const wanted = Math.floor(epochMs / 1000);
  const second = Number.isFinite(wanted) ? Math.min(Math.max(wanted, 0), LATEST_SECOND) : 0;
  if (second === cachedSecond && offsetMinutes === cachedOffset) return cachedText;
  const offset = Math.max(-OFFSET_MAX, Math.min(OFFSET_MAX, Math.trunc(offsetMinutes)));
  const local = new Date((second + offset * 60) * 1000);
  const away = Math.abs(offset);
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(away / 60))}${two(away % 60)}`;
  const day = `${DAYS[local.getUTCDay()]}, ${two(local.getUTCDate())} ${MONTHS[local.getUTCMonth()]} ${local.getUTCFullYear()}`;
  cachedText = `${day} ${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())} ${zone}`;
  cachedSecond = second;
  cachedOffset = offsetMinutes;
  return cachedText;
}
