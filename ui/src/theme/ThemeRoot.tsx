/** The look of everything: tokens as CSS variables, Mantine dressed in them, night or day. */
import "./global.css";
import "./mantine.css";
import {
  type CSSVariablesResolver,
  createTheme,
  localStorageColorSchemeManager,
  type MantineColorsTuple,
  MantineProvider,
} from "@mantine/core";
import type { ReactNode } from "react";
import { cssVariables, day, FONT, night, type Palette } from "./tokens";

/** Ten steps of the accent for Mantine's own use; index 5 is what filled controls take. */
const tawny: MantineColorsTuple = [
  "#fdf4e4",
  "#fae5c3",
  "#f6d194",
  "#f3bf6c",
  "#f1aa4f",
  "#eaa344",
  "#dc8a1c",
  "#b3660a",
  "#925206",
  "#6b3c05",
];

/** Mantine's greys on paper: as warm as what they lie on; cold ones look like dirt there. */
const gray: MantineColorsTuple = [
  "#f9f7f3",
  day.sunken,
  "#efebe4",
  day.border,
  "#dad6cd",
  day.borderStrong,
  "#6d6a63",
  "#4d4a45",
  "#35332f",
  "#1f1e1b",
];

/** Mantine's neutral scale in the night's own colours: text at one end, surfaces at the other. */
const dark: MantineColorsTuple = [
  night.text,
  night.muted,
  night.faint,
  "#5c626b",
  night.border,
  night.hover,
  night.panel,
  night.bg,
  "#0b0d11",
  night.sunken,
];

const theme = createTheme({
  primaryColor: "tawny",
  primaryShade: { dark: 5, light: 6 },
  colors: { tawny, dark, gray },
  autoContrast: true,
  fontFamily: FONT,
  fontFamilyMonospace: "'JetBrains Mono Variable', ui-monospace, 'SF Mono', Menlo, monospace",
  defaultRadius: 6,
  cursorType: "pointer",
  respectReducedMotion: true,
  fontSizes: { xs: "11.5px", sm: "12.5px", md: "13px", lg: "15px", xl: "18px" },
  components: {
    Tooltip: {
      defaultProps: {
        withArrow: false,
        openDelay: 350,
        closeDelay: 0,
        transitionProps: { duration: 80 },
        multiline: true,
        maw: 420,
      },
      styles: {
        tooltip: {
          fontSize: 12,
          background: "var(--t-raised)",
          color: "var(--t-text)",
          border: "1px solid var(--t-border-strong)",
          boxShadow: "var(--t-shadow)",
        },
      },
    },
    Menu: { defaultProps: { transitionProps: { duration: 80 }, shadow: "md" } },
    Popover: { defaultProps: { transitionProps: { duration: 80 }, shadow: "md" } },
    ActionIcon: { defaultProps: { variant: "subtle", color: "gray", size: 28 } },
    TextInput: { defaultProps: { size: "xs" }, styles: { input: { fontSize: 13 } } },
    PasswordInput: { defaultProps: { size: "xs" }, styles: { innerInput: { fontSize: 13 } } },
    Select: { defaultProps: { size: "xs" }, styles: { input: { fontSize: 13 }, option: { fontSize: 13 } } },
    Autocomplete: { styles: { input: { fontSize: 13 }, option: { fontSize: 13 } } },
    NumberInput: { styles: { input: { fontSize: 13 } } },
    Checkbox: { styles: { label: { fontSize: 13 } } },
    // In a small field they would be smaller than can be read, and a label would touch its field.
    InputWrapper: { styles: { label: { marginBottom: 3, fontSize: 12.5 }, description: { fontSize: 12 } } },
    Button: { defaultProps: { size: "xs" }, styles: { root: { fontSize: 12.5, fontWeight: 530 } } },
  },
});

function surfaces(palette: Palette): Record<string, string> {
  return {
    ...cssVariables(palette),
    "--mantine-color-body": palette.bg,
    "--mantine-color-text": palette.text,
    "--mantine-color-dimmed": palette.muted,
    "--mantine-color-placeholder": palette.faint,
    "--mantine-color-default": palette.panel,
    "--mantine-color-default-hover": palette.hover,
    "--mantine-color-default-color": palette.text,
    "--mantine-color-default-border": palette.border,
    // What cannot be pressed yet is still seen to be a button.
    "--mantine-color-disabled": palette.hover,
    "--mantine-color-disabled-color": palette.faint,
    "--mantine-color-disabled-border": palette.border,
    "--mantine-color-error": palette.error,
    "--mantine-color-anchor": palette.accent,
    "--mantine-color-gray-light-color": palette.muted,
    "--mantine-color-gray-light-hover": palette.hover,
  };
}

const resolver: CSSVariablesResolver = () => ({
  variables: {},
  dark: { ...surfaces(night), "--t-shadow": "0 8px 28px rgb(0 0 0 / 55%)" },
  light: { ...surfaces(day), "--t-shadow": "0 8px 28px rgb(60 45 20 / 14%)" },
});

const colorSchemeManager = localStorageColorSchemeManager({ key: "tawny.scheme" });

export function ThemeRoot({ children }: { children: ReactNode }) {
  return (
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      colorSchemeManager={colorSchemeManager}
      cssVariablesResolver={resolver}
    >
      {children}
    </MantineProvider>
  );
}
