/** Whether a text uses Markdown, by marks that plain text hardly ever has. */

const MARKS = [
  /^#{1,6} \S/m,
  /^\s*[-*+] \S.*\n\s*[-*+] \S/m,
  /^\s*\d+[.)] \S.*\n(?:.*\n)*?\s*\d+[.)] \S/m,
  /^```/m,
  /\*\*[^*\n]+\*\*/,
  /`[^`\n]+`/,
  /^\|.+\|\s*\n\|[\s:|-]+\|/m,
  /\[[^\]\n]+\]\(https?:[^)\s]+\)/,
];

/** Characters above which a text is shown as it is: laying it out would take longer than anybody waits. */
const LONG = 40_000;

export function looksLikeMarkdown(text: string): boolean {
  return text.length <= LONG && MARKS.some((mark) => mark.test(text));
}
