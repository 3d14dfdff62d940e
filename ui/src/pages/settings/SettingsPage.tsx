/** What is set: keys, people, projects, how long things are kept, what of content, prices, who is told of alerts, who did what, how it is shown. */
import { Link, useParams } from "@tanstack/react-router";
import type { ComponentType } from "react";
import { SECTIONS, type Section, sectionOf } from "@/lib/settings";
import { BoardPage, board } from "@/ui/Board";
import { useTitle } from "@/ui/useTitle";
import { intoView } from "@/ui/ViewTabs";
import { Audit } from "./Audit";
import { Content } from "./Content";
import { Display } from "./Display";
import { Keys } from "./Keys";
import { People } from "./People";
import { Prices } from "./Prices";
import { Projects } from "./Projects";
import { Receivers } from "./Receivers";
import { Retention } from "./Retention";

const PARTS: Record<Section, ComponentType> = {
  keys: Keys,
  people: People,
  projects: Projects,
  retention: Retention,
  content: Content,
  prices: Prices,
  receivers: Receivers,
  audit: Audit,
  display: Display,
};

export function SettingsPage() {
  const { section: word } = useParams({ from: "/settings/$section" });
  const section = sectionOf(word);
  const name = SECTIONS.find(([each]) => each === section)?.[1] ?? "";
  useTitle(`${name} · Settings`);
  const Part = PARTS[section];
  return (
    <BoardPage
      title="Settings"
      tabs={
        <nav className={board.tabs} aria-label="Sections of the settings">
          {SECTIONS.map(([each, label]) => (
            <Link
              key={each}
              to="/settings/$section"
              params={{ section: each }}
              ref={each === section ? intoView : undefined}
              aria-current={each === section ? "page" : undefined}
            >
              {label}
            </Link>
          ))}
        </nav>
      }
    >
      <Part />
    </BoardPage>
  );
}
