/** Night, day, or what the system says. */
import { useMantineColorScheme } from "@mantine/core";

const NEXT = { auto: "dark", dark: "light", light: "auto" } as const;

export function useScheme() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return { scheme: colorScheme, set: setColorScheme, cycle: () => setColorScheme(NEXT[colorScheme]) };
}
