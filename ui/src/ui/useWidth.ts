/** The width or the height of an element, known before anything is painted: what depends on it is not drawn twice. */
import { type RefCallback, useCallback, useState } from "react";

/** What to put on the element as `ref`, and its width in pixels; 0 before it is there. For elements without padding. */
export const useWidth = () => useSize("clientWidth", 0);

/** The same of its height; `before` it is there, so much. */
export const useHeight = (before: number) => useSize("clientHeight", before);

function useSize(of: "clientWidth" | "clientHeight", before: number): [RefCallback<HTMLElement>, number] {
  const [size, setSize] = useState(before);
  const place = useCallback(
    (element: HTMLElement | null) => {
      if (!element) return;
      const measure = () => setSize(element[of]);
      measure();
      const observer = new ResizeObserver(measure);
      observer.observe(element);
      return () => observer.disconnect();
    },
    [of],
  );
  return [place, size];
}
