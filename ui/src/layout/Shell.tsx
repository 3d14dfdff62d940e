/** The frame of every page: navigation, the banner when the server is silent, the keyboard help. */
import { ActionIcon, Drawer } from "@mantine/core";
import { useDisclosure, useHotkeys, useLocalStorage, useMediaQuery } from "@mantine/hooks";
import { IconMenu2 } from "@tabler/icons-react";
import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { chord } from "@/lib/chord";
import { Wordmark } from "@/ui/Logo";
import { isTyping, useKeys } from "@/ui/useKeys";
import { ConnectionBanner } from "./ConnectionBanner";
import { GROUPS, Navigation } from "./Navigation";
import classes from "./Shell.module.css";
import { Door, SignIn, useUnknown } from "./SignIn";
import { useScheme } from "./scheme";

/** Needed when they are asked for. */
const Palette = lazy(() => import("./Palette").then((file) => ({ default: file.Palette })));
const HelpModal = lazy(() => import("./HelpModal").then((file) => ({ default: file.HelpModal })));

/** Whom the server does not know sees the door alone: no pages are named to them, and no key leads anywhere. */
export function Shell() {
  const unknown = useUnknown();
  if (!unknown) return <Frame />;
  return (
    <div className={classes.body}>
      <ConnectionBanner />
      <main id="main" className={classes.main}>
        <SignIn />
      </main>
    </div>
  );
}

function Frame() {
  const narrow = useMediaQuery("(max-width: 760px)", undefined, { getInitialValueInEffect: false });
  const [folded, setFolded] = useLocalStorage({
    key: "tawny.nav.folded",
    defaultValue: false,
    getInitialValueInEffect: false,
  });
  // Once it was asked for it stays: who closes it is put back where they were.
  const [helped, setHelped] = useState(false);
  const [help, helpControl] = useDisclosure(false);
  const openHelp = () => {
    setHelped(true);
    helpControl.open();
  };
  const [menu, menuControl] = useDisclosure(false);
  const { flip } = useScheme();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const closeMenu = menuControl.close;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu closes when the page changes
  useEffect(closeMenu, [path]);
  useGoKeys();
  useKeys({ "?": openHelp, t: flip });
  const [palette, paletteControl] = useDisclosure(false);
  useHotkeys([["mod+K", paletteControl.toggle]], []);

  return (
    <div className={classes.frame} data-folded={(folded && !narrow) || undefined}>
      <a className={classes.skip} href="#main">
        Skip to content
      </a>
      {narrow ? (
        <nav aria-label="Top" className={classes.top}>
          <Link to="/overview" aria-label="Tawny, to the overview">
            <Wordmark />
          </Link>
          <ActionIcon aria-label="Menu" size={36} onClick={menuControl.open}>
            <IconMenu2 size={20} stroke={1.7} />
          </ActionIcon>
          <Drawer.Root opened={menu} onClose={menuControl.close} size={260} position="right" padding={0}>
            <Drawer.Overlay />
            <Drawer.Content aria-label="Menu">
              <Navigation onHelp={openHelp} onPalette={paletteControl.open} />
            </Drawer.Content>
          </Drawer.Root>
        </nav>
      ) : (
        <aside className={classes.side}>
          <Navigation
            folded={folded}
            onFold={() => setFolded(!folded)}
            onHelp={openHelp}
            onPalette={paletteControl.open}
          />
        </aside>
      )}
      <div className={classes.body}>
        <ConnectionBanner />
        <main id="main" className={classes.main} tabIndex={-1}>
          <Door>
            <Outlet />
          </Door>
        </main>
      </div>
      {palette && (
        <Suspense>
          <Palette onClose={paletteControl.close} onHelp={openHelp} onScheme={flip} />
        </Suspense>
      )}
      {helped && (
        <Suspense>
          <HelpModal opened={help} onClose={helpControl.close} />
        </Suspense>
      )}
    </div>
  );
}

/** Pages by the letter that follows `g`. */
const GO = new Map(GROUPS.flatMap((group) => group.pages.map((page) => [page.keys.split(" ")[1]!, page.to] as const)));

/** `g` and a letter go to a page. */
function useGoKeys() {
  const navigate = useNavigate();
  const follows = useRef(chord("g"));
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
      if (follows.current(event.key, event.timeStamp) && GO.has(event.key)) {
        event.preventDefault();
        event.stopImmediatePropagation();
        void navigate({ to: GO.get(event.key) ?? "/overview" });
      }
    };
    window.addEventListener("keydown", onKey, { capture: true });
    return () => window.removeEventListener("keydown", onKey, { capture: true });
  }, [navigate]);
}
