/** Plays a run on its time axis: what had begun by then is shown, what had not is pale. */
import { ActionIcon, CloseButton, SegmentedControl } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { duration } from "@/lib/format";
import classes from "./Playback.module.css";

/** Milliseconds a whole run takes to be played at the first speed. */
const WHOLE_MS = 30_000;
/** Times a second the view moves on. */
const FRAMES = 15;

interface Props {
  /** Length of the axis in milliseconds. */
  whole: number;
  /** Where it stands, from the URL. */
  at: number | undefined;
  playing: boolean;
  onPlaying: (playing: boolean) => void;
  /** Where it was stopped; `undefined` when it is closed. */
  onAt: (offset: number | undefined) => void;
  /** Where it stands while it goes on; `undefined` when it is closed. */
  onMoment: (offset: number | undefined) => void;
}

export function Playback({ whole, at, playing, onPlaying, onAt, onMoment }: Props) {
  const [offset, setOffset] = useState(at ?? 0);
  const [speed, setSpeed] = useState("1");
  const latest = useRef({ onMoment, onAt, onPlaying });
  useEffect(() => {
    latest.current = { onMoment, onAt, onPlaying };
  });
  const place = useRef(offset);
  useEffect(() => {
    place.current = offset;
    latest.current.onMoment(offset);
  }, [offset]);
  useEffect(() => () => latest.current.onMoment(undefined), []);
  useEffect(() => {
    if (!playing) return;
    if (place.current >= whole) place.current = 0;
    const timer = setInterval(() => {
      place.current = Math.min(whole, place.current + ((whole / WHOLE_MS) * Number(speed) * 1000) / FRAMES);
      setOffset(place.current);
      if (place.current >= whole) latest.current.onPlaying(false);
    }, 1000 / FRAMES);
    return () => {
      clearInterval(timer);
      latest.current.onAt(Math.round(place.current));
    };
  }, [playing, speed, whole]);

  return (
    <fieldset className={classes.playback}>
      <legend className="sr">Playback</legend>
      <ActionIcon
        variant="default"
        size={26}
        aria-label={playing ? "Pause" : "Play"}
        title={playing ? "Pause" : "Play"}
        onClick={() => onPlaying(!playing)}
      >
        {playing ? <IconPlayerPause size={14} stroke={1.8} /> : <IconPlayerPlay size={14} stroke={1.8} />}
      </ActionIcon>
      <input
        type="range"
        min={0}
        max={whole}
        step={whole / 1000}
        value={offset}
        aria-label="Moment of the run"
        aria-valuetext={`${duration(offset)} of ${duration(whole)}`}
        onChange={(event) => setOffset(Number(event.currentTarget.value))}
        onPointerUp={() => onAt(Math.round(place.current))}
        onKeyUp={() => onAt(Math.round(place.current))}
      />
      <span className={classes.moment}>
        {duration(offset)} <span className="faint">of {duration(whole)}</span>
      </span>
      <SegmentedControl
        size="xs"
        aria-label="Speed"
        value={speed}
        onChange={setSpeed}
        data={["1", "2", "5"].map((value) => ({ value, label: `${value}×` }))}
      />
      <CloseButton
        size="sm"
        aria-label="Close playback"
        onClick={() => {
          onPlaying(false);
          onMoment(undefined);
          setTimeout(() => onAt(undefined));
        }}
      />
    </fieldset>
  );
}
