/** The keyboard, on one page. */
import { Modal } from "@mantine/core";
import classes from "./HelpModal.module.css";

const GROUPS: { name: string; keys: [string[], string][] }[] = [
  {
    name: "Everywhere",
    keys: [
      [["g", "o"], "Overview"],
      [["g", "r"], "Runs"],
      [["g", "s"], "Sessions"],
      [["g", "a"], "Alerts"],
      [["g", "i"], "Issues"],
      [["g", "p"], "PromQL"],
      [["g", "q"], "SQL"],
      [["g", "c"], "Send traces"],
      [["g", "d"], "Doctor"],
      [["g", "h"], "Status"],
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
      [["e"], "Next failed step"],
      [["["], "Tab before"],
      [["]"], "Next tab"],
      [["Esc"], "Back to the runs"],
    ],
  },
];

export function HelpModal({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title="Keyboard"
      size="lg"
      centered
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <div className={classes.groups}>
        {GROUPS.map((group) => (
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
    </Modal>
  );
}
