/** A link that the server answers with a file. A browser's own download cannot say which project it is about; this one does. */
import { Button, type ButtonProps } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { fetchFile } from "@/api/client";
import { chosenProject } from "@/api/project";

interface Props extends ButtonProps {
  href: string;
  name: string;
  children: ReactNode;
}

export function FileLink({ href, name, children, ...button }: Props) {
  const get = useMutation({
    mutationFn: () => fetchFile(href),
    onSuccess: (file) => {
      const address = URL.createObjectURL(file);
      const link = document.createElement("a");
      link.href = address;
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    },
  });
  return (
    <>
      <Button
        variant="default"
        leftSection={<IconDownload size={14} stroke={1.8} />}
        loading={get.isPending}
        {...button}
        component="a"
        href={href}
        download={name}
        onClick={(event) => {
          if (!chosenProject()) return;
          event.preventDefault();
          get.mutate();
        }}
      >
        {children}
      </Button>
      {get.isError && (
        <span role="alert" data-tone="bad">
          {get.error.message}
        </span>
      )}
    </>
  );
}
