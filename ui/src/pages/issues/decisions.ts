/** What may be decided about an issue. */

/** The state an issue is given, and what the button that gives it says. */
export const DECISIONS: [string, string][] = [
  ["acknowledged", "Acknowledge"],
  ["resolved", "Resolve"],
  ["muted", "Mute"],
  ["open", "Open again"],
];
