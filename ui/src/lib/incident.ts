/** What the page of an incident says about alerts around it. Pure. */

/** Labels that name rules and how grave they are: the same for alerts of one rule. */
const OF_THE_RULE = new Set(["alertname", "severity"]);

/**
 * What tells each alert from others of its name: the values of labels in which they differ, or nothing where the name does.
 */
export function telling(alerts: { name: string; labels: Record<string, string> }[]): string[] {
  return alerts.map(({ name, labels }) => {
    const same = alerts.filter((each) => each.name === name);
    if (same.length < 2) return "";
    return Object.keys(labels)
      .filter((key) => !OF_THE_RULE.has(key) && same.some((each) => each.labels[key] !== labels[key]))
      .sort()
      .map((key) => labels[key])
      .join(", ");
  });
}
