/** A moment as "how long ago", with the exact time on hover. */
import { absolute, ago } from "@/lib/format";
import { zone } from "@/lib/locale";
import { useNow } from "./useNow";

export function Ago({ at, className }: { at: string | null | undefined; className?: string }) {
  const now = useNow();
  return (
    <time dateTime={at ?? undefined} title={at ? `${absolute(at)} (${zone()})` : undefined} className={className}>
      {ago(at, now)}
    </time>
  );
}
