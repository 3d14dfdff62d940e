/** The width of an element, known before anything is painted: what depends on it is not drawn twice. */
import { type RefCallback, useCallback, useState } from "react";

/** What to put on the element as `ref`, and its width in pixels; 0 before it is there. For elements without padding. */
export function useWidth(): [RefCallback<HTMLElement>, number] {
  const [width, setWidth] = useState(0);
  const place = useCallback((element: HTMLElement | null) => {
    if (!element) return;
    const measure = () => setWidth(element.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [place, width];
}
