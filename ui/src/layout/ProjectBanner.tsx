/** Says which project the tab is about where a link named one, and leads back. */
import { project } from "@/api/project";
import classes from "./ProjectBanner.module.css";

export function ProjectBanner() {
  if (!project || project === "default") return null;
  return (
    <div className={classes.banner} role="status">
      <span>
        Project <strong>{project}</strong>
      </span>
      {/* A whole load: nothing of the other project stays. */}
      <a href="/overview?project=">Back to your own</a>
    </div>
  );
}
