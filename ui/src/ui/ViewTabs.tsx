/** The views of a page as links below its title; where there are too many for the screen they scroll sideways. */
import { Link, type LinkProps } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import classes from "./ViewTabs.module.css";

export interface ViewTab {
  name: string;
  /** Where it leads. */
  link: Pick<LinkProps, "to" | "search" | "params">;
  active: boolean;
  count?: number;
  tone?: "bad";
}

/** The view that is open is seen also where not all fit, with the beginning of its neighbour (the padding of what scrolls). */
export const intoView = (tab: HTMLElement | null) => tab?.scrollIntoView({ block: "nearest", inline: "nearest" });

export function ViewTabs({ label, tabs }: { label: string; tabs: ViewTab[] }) {
  const strip = useRef<HTMLElement>(null);
  const at = tabs.findIndex((tab) => tab.active);
  // Counts come later than names, and push what stands behind them out of view again.
  const counted = tabs.filter((tab) => tab.count).length;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another view, or other widths
  useEffect(() => intoView(strip.current?.querySelector<HTMLElement>("[data-active]") ?? null), [at, counted]);
  return (
    <nav ref={strip} className={classes.tabs} aria-label={label}>
      {tabs.map(({ name, link, active, count, tone }) => (
        <Link
          key={name}
          {...link}
          className={classes.tab}
          aria-current={active ? "page" : undefined}
          data-active={active || undefined}
          activeOptions={{ exact: true, includeSearch: true }}
          resetScroll={false}
        >
          {name}
          {count ? (
            <span className={classes.count} data-tone={tone}>
              {count}
            </span>
          ) : null}
        </Link>
      ))}
    </nav>
  );
}
