/** Markdown as a page shows it. Raw HTML stays text, and nothing is fetched: pictures from elsewhere become links. */
import { useMemo } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import classes from "./Markdown.module.css";

const numbered = (text: string): Components["li"] =>
  function Item({ node, children, className }) {
    // Markdown counts on from the first number; what was written is what counts here.
    const at = node?.position?.start.offset;
    const written = at === undefined ? null : /^(\d{1,9})[.)]/.exec(text.slice(at, at + 12));
    return (
      <li className={className} value={written ? Number(written[1]) : undefined}>
        {children}
      </li>
    );
  };

const components: Components = {
  a: ({ href, children }) => (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  ),
  img: ({ src, alt }) => (
    <a href={typeof src === "string" ? src : undefined} target="_blank" rel="noopener noreferrer nofollow">
      {alt || "picture"}
    </a>
  ),
  // A message's headings are no headings of the page.
  h1: ({ children }) => <p className={classes.heading}>{children}</p>,
  h2: ({ children }) => <p className={classes.heading}>{children}</p>,
  h3: ({ children }) => <p className={classes.heading}>{children}</p>,
  h4: ({ children }) => <p className={classes.heading}>{children}</p>,
  h5: ({ children }) => <p className={classes.heading}>{children}</p>,
  h6: ({ children }) => <p className={classes.heading}>{children}</p>,
  // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
  pre: ({ children }) => <pre tabIndex={0}>{children}</pre>,
  table: ({ children }) => (
    <div className={classes.table}>
      <table>{children}</table>
    </div>
  ),
};

export default function Markdown({ text }: { text: string }) {
  const all = useMemo(() => ({ ...components, li: numbered(text) }), [text]);
  return (
    <div className={classes.markdown}>
      <ReactMarkdown remarkPlugins={[remarkGfm]} components={all}>
        {text}
      </ReactMarkdown>
    </div>
  );
}
