import type { ViewProps } from "./AlertsPage";
export function Backtest(_: ViewProps) {
  return null;
}
