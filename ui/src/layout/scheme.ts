/** Night, day, or what the system says. */
import { useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useColorScheme } from "@mantine/hooks";

/** `flip` always changes what is seen, and lets the system decide again where that comes to the same. */
export function useScheme() {
  const { colorScheme: scheme, setColorScheme: set } = useMantineColorScheme();
  const shown = useComputedColorScheme("dark", { getInitialValueInEffect: false });
  const system = useColorScheme(undefined, { getInitialValueInEffect: false });
  const other = shown === "dark" ? "light" : "dark";
  return { scheme, set, flip: () => set(other === system ? "auto" : other) };
}
