/** Times of schedules, as people read them. */

/** `2026-11-22 03:00:00 Europe/Berlin`, without seconds where there are none. */
export const timeText = (at: number, timezone?: string): string => {
  const text = new Date(at).toLocaleString('sv', timezone === undefined ? {} : { timeZone: timezone });
  const short = text.replace(/:00$/, '');
  return timezone === undefined ? short : `${short} ${timezone}`;
};
