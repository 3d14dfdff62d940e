/** The mark: the eyes of an owl under its brow. Open while the watch is on, half closed while it cannot see. */
import classes from "./Logo.module.css";

export function OwlMark({ size = 22, asleep = false }: { size?: number; asleep?: boolean }) {
  return (
    <svg
      className={classes.mark}
      data-asleep={asleep || undefined}
      width={size}
      height={size}
      viewBox="0 0 32 32"
      fill="none"
      aria-hidden="true"
    >
      <path className={classes.brow} d="M2.5 6.5c5.4.3 10.3 2.3 13.5 6 3.2-3.7 8.1-5.7 13.5-6" />
      <circle className={classes.ring} cx="9" cy="18.5" r="6.25" />
      <circle className={classes.ring} cx="23" cy="18.5" r="6.25" />
      <g className={classes.pupils}>
        <circle cx="9.6" cy="18.5" r="3.1" />
        <circle cx="22.4" cy="18.5" r="3.1" />
      </g>
      <path className={classes.beak} d="M16 21.4l2.3 3.4L16 28.6l-2.3-3.8z" />
    </svg>
  );
}

export function Wordmark({ asleep = false, compact = false }: { asleep?: boolean; compact?: boolean }) {
  return (
    <span className={classes.word}>
      <OwlMark size={24} asleep={asleep} />
      {!compact && <span>tawny</span>}
    </span>
  );
}
