/** A field for the text that a list is searched for: `/` leads into it, and the address has the text soon after it is typed. */
import { CloseButton, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { useKeys } from "./useKeys";

interface Props {
  label: string;
  placeholder: string;
  /** The text in the address. */
  q: string | undefined;
  onSearch: (q: string | undefined) => void;
  size?: "xs";
  className?: string;
}

export function SearchField({ label, placeholder, q = "", onSearch, size, className }: Props) {
  const [text, setText] = useState(q);
  const field = useRef<HTMLInputElement>(null);
  const sent = useRef(q);
  useEffect(() => {
    // The address changed by other means: the field follows it.
    if (q !== sent.current) {
      sent.current = q;
      setText(q);
    }
  }, [q]);
  const apply = (typed: string) => {
    sent.current = typed.trim();
    onSearch(typed.trim() || undefined);
  };
  const later = useDebouncedCallback(apply, 250);
  useKeys({ "/": () => field.current?.select() });
  return (
    <TextInput
      ref={field}
      size={size}
      className={className}
      aria-label={label}
      placeholder={placeholder}
      leftSection={<IconSearch size={15} stroke={1.8} />}
      rightSection={
        text ? (
          <CloseButton
            size="sm"
            aria-label="Clear the search"
            onClick={() => {
              setText("");
              apply("");
            }}
          />
        ) : (
          <kbd aria-hidden className="forKeys">
            /
          </kbd>
        )
      }
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        later(event.currentTarget.value);
      }}
      onKeyDown={(event) => {
        if (event.key === "Enter") apply(text);
        if (event.key === "Escape") field.current?.blur();
      }}
    />
  );
}
