/** A throttle that lives as long as its component and always does the latest work. */
import { useEffect, useRef, useState } from "react";
import { throttle } from "@/lib/throttle";

export function useThrottled(work: () => Promise<unknown>, ms: number): () => void {
  const latest = useRef(work);
  useEffect(() => {
    latest.current = work;
  });
  const [made] = useState(() => throttle(() => latest.current(), ms));
  useEffect(() => made.cancel, [made]);
  return made.call;
}
