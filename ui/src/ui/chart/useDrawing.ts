/** A drawing in an element: made once the code of charts is there, resized with its element, thrown away with it. */
import { type RefObject, useEffect, useRef, useState } from "react";
import type { Engine } from "./engine";

export function useDrawing(place: RefObject<HTMLDivElement | null>): [RefObject<Engine | undefined>, boolean] {
  const drawing = useRef<Engine>(undefined);
  const [ready, setReady] = useState(false);
  useEffect(() => {
    let gone = false;
    let observer: ResizeObserver | undefined;
    void import("./engine").then(({ init }) => {
      const element = place.current;
      if (gone || !element) return;
      const chart = init(element, null, { renderer: "svg" });
      drawing.current = chart;
      observer = new ResizeObserver(() => chart.resize());
      observer.observe(element);
      setReady(true);
    });
    return () => {
      gone = true;
      observer?.disconnect();
      drawing.current?.dispose();
      drawing.current = undefined;
    };
  }, [place]);
  return [drawing, ready];
}
