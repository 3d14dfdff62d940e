/** Who one is, the project one looks at, the way to another and out. Shown where the server asks who one is. */
import { Menu, Tooltip } from "@mantine/core";
import { IconCheck, IconLogout, IconSelector, IconStack2, IconUserCircle } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { meQuery, signOut } from "@/api/settings";
import classes from "./Navigation.module.css";

/** Another project is another load of the pages, at their beginning: what the address names is not there. */
export const entrance = (project: string) => `/overview?${new URLSearchParams({ project })}`;

/** `user:jane` as people say it. */
const plainly = (who: string) => who.replace(/^(user|key):/, "");

export function Account({ folded }: { folded: boolean }) {
  const { data: me } = useQuery(meQuery);
  const leave = useMutation({ mutationFn: signOut, onSuccess: () => window.location.assign("/") });
  if (!me || (!me.closed && me.projects.length < 2)) return null;
  const user = me.who.startsWith("user:");
  const several = me.projects.length > 1;
  const says = `Project ${me.project}, ${plainly(me.who)}`;
  return (
    <Menu position={folded ? "right-end" : "bottom-start"} width={folded ? 220 : "target"}>
      <Menu.Target>
        <button type="button" className={classes.account} aria-label={says}>
          <Tooltip label={says} position="right" disabled={!folded}>
            <IconStack2 size={17} stroke={1.7} aria-hidden />
          </Tooltip>
          {!folded && (
            <>
              <span className="cut">{me.project}</span>
              <IconSelector size={15} stroke={1.7} aria-hidden />
            </>
          )}
        </button>
      </Menu.Target>
      <Menu.Dropdown mah={420} style={{ overflowY: "auto" }}>
        {several && <Menu.Label>Projects</Menu.Label>}
        {several &&
          me.projects.map((project) => (
            <Menu.Item
              key={project}
              component="a"
              href={entrance(project)}
              aria-current={project === me.project || undefined}
              rightSection={project === me.project && <IconCheck size={15} stroke={1.8} aria-hidden />}
            >
              {project}
            </Menu.Item>
          ))}
        {several && <Menu.Divider />}
        <Menu.Label>
          <span className={classes.who}>
            <IconUserCircle size={15} stroke={1.7} aria-hidden />
            <span className="cut">{plainly(me.who)}</span>
          </span>
        </Menu.Label>
        {user && (
          <Menu.Item leftSection={<IconLogout size={15} stroke={1.7} aria-hidden />} onClick={() => leave.mutate()}>
            Sign out
          </Menu.Item>
        )}
        {leave.isError && <Menu.Label data-tone="bad">{leave.error.message}</Menu.Label>}
      </Menu.Dropdown>
    </Menu>
  );
}
