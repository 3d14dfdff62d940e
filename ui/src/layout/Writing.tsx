/** In which zone times are shown, and how numbers and dates are written: in the help, and in the settings. */
import { SegmentedControl, Select } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useId } from "react";
import { browserZone } from "@/lib/locale";
import { type Style, useWriting } from "@/ui/useWriting";
import classes from "./HelpModal.module.css";

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
export function Writing() {
  const id = useId();
  const { zone, setZone, style, setStyle } = useWriting();
  // Two examples beside each other are wider than a phone.
  const narrow = useMediaQuery("(max-width: 480px)", undefined, { getInitialValueInEffect: false });
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
        <span id={id}>Numbers and dates</span>
        <SegmentedControl
          size="xs"
          orientation={narrow ? "vertical" : "horizontal"}
          aria-labelledby={id}
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
