/** How often pages ask. */

/** Pages that show events: an event is to be seen within five seconds, the answer's own time included. */
export const LIVE_MS = 4000;
