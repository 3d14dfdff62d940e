/** The keyboard, on one page, and how times and numbers are written. */
import { Modal, SegmentedControl, Select } from "@mantine/core";
import { browserZone } from "@/lib/locale";
import { type Style, useWriting } from "@/ui/useWriting";
import classes from "./HelpModal.module.css";
import { GROUPS } from "./Navigation";

const KEYS: { name: string; keys: [string[], string][] }[] = [
  {
    name: "Everywhere",
    keys: [
      [["Ctrl", "K"], "Go to a page, run or agent"],
      [["/"], "Search on this page"],
      [["t"], "Night, day, system"],
      [["?"], "This help"],
    ],
  },
  {
    name: "Lists",
    keys: [
      [["j"], "Next row"],
      [["k"], "Row before"],
      [["Enter"], "Open the row"],
      [["Space"], "Look at the row beside the list"],
      [["x"], "Choose the row"],
      [["l"], "Live on or off"],
    ],
  },
  {
    name: "A run",
    keys: [
      [["↓"], "Next step (or j)"],
      [["↑"], "Step before (or k)"],
      [["→"], "Unfold, or go in"],
      [["←"], "Fold, or go out"],
      [["Enter"], "Show more of the steps below"],
      [["e"], "Next failed step"],
      [["c"], "Critical path"],
      [["p"], "Play the run"],
      [["["], "Tab before"],
      [["]"], "Next tab"],
      [["Esc"], "Back to the runs"],
    ],
  },
];

const PAGES: (typeof KEYS)[number] = {
  name: "Pages",
  keys: GROUPS.flatMap((group) => group.pages.map((page) => [page.keys.split(" "), page.label] as [string[], string])),
};

export function HelpModal({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title="Keyboard, time zone, numbers"
      size="lg"
      centered
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <div className={classes.groups}>
        {[PAGES, ...KEYS].map((group) => (
          <section key={group.name}>
            <h3>{group.name}</h3>
            <dl>
              {group.keys.map(([keys, what]) => (
                <div key={what}>
                  <dt>
                    {keys.map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <Writing />
    </Modal>
  );
}

const ZONES = [
  {
    group: "Usual",
    items: [
      { value: "local", label: `This browser's: ${browserZone()}` },
      { value: "utc", label: "UTC" },
    ],
  },
  { group: "All", items: Intl.supportedValuesOf("timeZone").filter((name) => name !== "UTC") },
];

/** In which zone times are shown, and how numbers and dates are written. It is kept in this browser. */
function Writing() {
  const { zone, setZone, style, setStyle } = useWriting();
  return (
    <div className={classes.writing}>
      <Select
        label="Times in"
        searchable
        allowDeselect={false}
        data={ZONES}
        value={zone}
        onChange={(name) => name && name !== zone && setZone(name)}
        nothingFoundMessage="No zone of this name"
        maxDropdownHeight={260}
        comboboxProps={{ withinPortal: true }}
      />
      <div>
        <span id="writing-style">Numbers and dates</span>
        <SegmentedControl
          size="xs"
          aria-labelledby="writing-style"
          value={style}
          onChange={(value) => setStyle(value as Style)}
          data={[
            { value: "iso", label: "2026-11-21 15:04 · 1,234.5" },
            { value: "browser", label: inBrowser() },
          ]}
        />
      </div>
    </div>
  );
}

/** The same moment and number as the browser's language has them. */
const inBrowser = () =>
  `${new Date(2026, 10, 21, 15, 4).toLocaleString(navigator.language, { dateStyle: "short", timeStyle: "short" })} · ${(1234.5).toLocaleString(navigator.language)}`;
