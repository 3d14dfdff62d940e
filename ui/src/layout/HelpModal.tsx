/** The keyboard, on one page, and how times and numbers are written. */
import { Modal } from "@mantine/core";
import { modKey } from "@/lib/palette";
import classes from "./HelpModal.module.css";
import { GROUPS } from "./Navigation";
import { Writing } from "./Writing";

const KEYS: { name: string; keys: [string[], string][] }[] = [
  {
    name: "Everywhere",
    keys: [
      [[modKey(navigator.platform), "K"], "Go to a page, run or agent"],
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
      size={660}
      centered
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <div className={classes.help}>
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
      </div>
    </Modal>
  );
}
