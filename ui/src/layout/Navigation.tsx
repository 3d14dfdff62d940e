/** The pages, grouped, and what belongs to the whole interface below them. */
import { ActionIcon, SegmentedControl, Tooltip, VisuallyHidden } from "@mantine/core";
import {
  type Icon,
  IconActivityHeartbeat,
  IconBell,
  IconBug,
  IconChartLine,
  IconCoin,
  IconDatabaseSearch,
  IconDeviceDesktop,
  IconFeather,
  IconFileText,
  IconKeyboard,
  IconLayoutDashboard,
  IconLayoutGrid,
  IconLayoutSidebarLeftCollapse,
  IconLayoutSidebarLeftExpand,
  IconMessages,
  IconMoon,
  IconPlugConnected,
  IconRoute,
  IconSearch,
  IconSettings,
  IconStethoscope,
  IconSun,
  IconTool,
  IconZoomScan,
} from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { type ReactElement, useId } from "react";
import { useConnection } from "@/api/connection";
import { modKey } from "@/lib/palette";
import { Wordmark } from "@/ui/Logo";
import { Account } from "./Account";
import classes from "./Navigation.module.css";
import { useScheme } from "./scheme";
import { useWaiting, type Waiting } from "./useWaiting";

interface Page {
  to:
    | "/overview"
    | "/deep-dive"
    | "/logs"
    | "/runs"
    | "/alerts"
    | "/issues"
    | "/explore"
    | "/sessions"
    | "/agents"
    | "/tools"
    | "/costs"
    | "/compare"
    | "/dashboards"
    | "/sql"
    | "/connect"
    | "/doctor"
    | "/status"
    | "/settings";
  label: string;
  icon: Icon;
  keys: string;
}

/** Every page of the navigation; the palette, the help and the keys are made from it. Later pages go into these groups. */
export const GROUPS: { name: string; pages: Page[] }[] = [
  {
    name: "Observe",
    pages: [
      { to: "/overview", label: "Overview", icon: IconLayoutDashboard, keys: "g o" },
      { to: "/deep-dive", label: "Deep dive", icon: IconZoomScan, keys: "g v" },
      { to: "/runs", label: "Runs", icon: IconRoute, keys: "g r" },
      { to: "/sessions", label: "Sessions", icon: IconMessages, keys: "g s" },
      { to: "/agents", label: "Agents", icon: IconFeather, keys: "g n" },
      { to: "/tools", label: "Tools", icon: IconTool, keys: "g t" },
      { to: "/costs", label: "Costs", icon: IconCoin, keys: "g m" },
      { to: "/dashboards", label: "Dashboards", icon: IconLayoutGrid, keys: "g b" },
    ],
  },
  {
    name: "Judge",
    pages: [
      { to: "/alerts", label: "Alerts", icon: IconBell, keys: "g a" },
      { to: "/issues", label: "Issues", icon: IconBug, keys: "g i" },
    ],
  },
  {
    name: "Explore",
    pages: [
      { to: "/explore", label: "PromQL", icon: IconChartLine, keys: "g p" },
      { to: "/sql", label: "SQL", icon: IconDatabaseSearch, keys: "g q" },
      { to: "/logs", label: "Logs", icon: IconFileText, keys: "g l" },
    ],
  },
  {
    name: "Server",
    pages: [
      { to: "/connect", label: "Send traces", icon: IconPlugConnected, keys: "g c" },
      { to: "/doctor", label: "Doctor", icon: IconStethoscope, keys: "g d" },
      { to: "/status", label: "Status", icon: IconActivityHeartbeat, keys: "g h" },
      { to: "/settings", label: "Settings", icon: IconSettings, keys: "g ," },
    ],
  },
];

interface Props {
  folded?: boolean;
  onFold?: () => void;
  onHelp: () => void;
  onPalette: () => void;
}

export function Navigation({ folded = false, onFold, onHelp, onPalette }: Props) {
  const lost = useConnection() === "lost";
  const waiting = useWaiting();
  const id = useId();
  const mod = modKey(navigator.platform);
  return (
    <div className={classes.nav} data-folded={folded || undefined}>
      <Link to="/overview" className={classes.brand} aria-label="Tawny, to the overview">
        <Wordmark asleep={lost} compact={folded} />
      </Link>
      <Hint label={`Go to a page, run or agent (${mod} K)`} on={folded}>
        <button type="button" className={classes.goto} aria-label={folded ? "Go to" : undefined} onClick={onPalette}>
          <IconSearch size={16} stroke={1.7} aria-hidden />
          {!folded && (
            <>
              <span className={classes.label}>Go to …</span>
              <kbd aria-hidden>{mod} K</kbd>
            </>
          )}
        </button>
      </Hint>
      <Account folded={folded} />
      <nav aria-label="Pages" className={classes.pages}>
        {GROUPS.map((group) => (
          <div key={group.name} className={classes.group}>
            <div className={classes.groupName} aria-hidden={folded}>
              {folded ? "" : group.name}
            </div>
            {group.pages.map((page) => (
              <Hint key={page.to} label={`${page.label} (${page.keys})`} on={folded}>
                <Link
                  to={page.to}
                  className={classes.page}
                  // Whoever points at a page mostly goes there: its code comes before the click, not with it.
                  preloadDelay={0}
                  activeProps={{ "data-active": true }}
                  // Wide, it is named by what stands there: the page, and how much waits.
                  aria-label={folded ? [page.label, waiting[page.to]?.shown].filter(Boolean).join(" ") : undefined}
                  aria-describedby={waiting[page.to] ? `${id}${page.to}` : undefined}
                >
                  <page.icon size={17} stroke={1.7} aria-hidden />
                  {!folded && <span className={classes.label}>{page.label}</span>}
                  {waiting[page.to] && <Count of={waiting[page.to]!} id={`${id}${page.to}`} />}
                </Link>
              </Hint>
            ))}
          </div>
        ))}
      </nav>
      <div className={classes.foot}>
        {folded ? <SchemeButton /> : <SchemeControl />}
        <Tooltip label="Keyboard shortcuts (?)">
          <ActionIcon aria-label="Keyboard shortcuts" onClick={onHelp}>
            <IconKeyboard size={17} stroke={1.7} />
          </ActionIcon>
        </Tooltip>
        {onFold && (
          <Tooltip label={folded ? "Widen the navigation" : "Narrow the navigation"}>
            <ActionIcon aria-label={folded ? "Widen the navigation" : "Narrow the navigation"} onClick={onFold}>
              {folded ? (
                <IconLayoutSidebarLeftExpand size={17} stroke={1.7} />
              ) : (
                <IconLayoutSidebarLeftCollapse size={17} stroke={1.7} />
              )}
            </ActionIcon>
          </Tooltip>
        )}
      </div>
    </div>
  );
}

/** How many wait for somebody, and what they are for those who cannot see where it stands. */
const Count = ({ of, id }: { of: Waiting; id: string }) => (
  <span id={id} className={classes.count} data-tone={of.tone} title={of.says}>
    {of.shown}
    <span className="sr"> {of.says}</span>
  </span>
);

/** Only where it is `on`: a tooltip that never opens costs as much as one that does, and there is one a page. */
function Hint({ on, label, children }: { on: boolean; label: string; children: ReactElement }) {
  if (!on) return children;
  return (
    <Tooltip label={label} position="right">
      {children}
    </Tooltip>
  );
}

const SCHEMES = [
  { value: "dark", label: "Night", icon: IconMoon },
  { value: "light", label: "Day", icon: IconSun },
  { value: "auto", label: "As the system", icon: IconDeviceDesktop },
] as const;

function SchemeControl() {
  const { scheme, set } = useScheme();
  return (
    <SegmentedControl
      aria-label="Colour scheme"
      className={classes.scheme}
      size="xs"
      value={scheme}
      onChange={(value) => set(value as typeof scheme)}
      data={SCHEMES.map(({ value, label, icon: Glyph }) => ({
        value,
        label: (
          <span className={classes.schemeIcon} title={label}>
            <Glyph size={14} stroke={1.8} aria-hidden />
            <VisuallyHidden>{label}</VisuallyHidden>
          </span>
        ),
      }))}
    />
  );
}

function SchemeButton() {
  const { scheme, flip } = useScheme();
  const { label, icon: Glyph } = SCHEMES.find((each) => each.value === scheme) ?? SCHEMES[2];
  return (
    <Tooltip label={`Colours: ${label} (t)`} position="right">
      <ActionIcon aria-label={`Colour scheme: ${label}`} onClick={flip}>
        <Glyph size={17} stroke={1.7} />
      </ActionIcon>
    </Tooltip>
  );
}
