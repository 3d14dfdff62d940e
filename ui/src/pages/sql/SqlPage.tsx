/** Questions in SQL: an editor, what can be asked, and the answer. */
import { Button, Menu, SegmentedControl } from "@mantine/core";
import { IconBookmark, IconDownload, IconPlayerPlay } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { runSql, sqlSchemaQuery } from "@/api/queries";
import type { SqlAnswer } from "@/api/types";
import { PageHeader } from "@/layout/PageHeader";
import { count, duration, plural } from "@/lib/format";
import { csv } from "@/lib/json";
import { ExploreTabs } from "@/pages/explore/ExploreTabs";
import { CopyButton } from "@/ui/CopyButton";
import { Empty, explain } from "@/ui/States";
import { useKeys } from "@/ui/useKeys";
import { useTitle } from "@/ui/useTitle";
import { EXAMPLES } from "./examples";
import { ResultChart } from "./ResultChart";
import { ResultTable } from "./ResultTable";
import { Schema } from "./Schema";
import classes from "./SqlPage.module.css";

export function SqlPage() {
  useTitle("SQL");
  const { q, as, x } = useSearch({ from: "/sql" });
  const navigate = useNavigate({ from: "/sql" });
  const [text, setText] = useState(q ?? EXAMPLES[0]!.query);
  const editor = useRef<HTMLTextAreaElement>(null);
  const running = useRef<AbortController>(undefined);
  const schema = useQuery(sqlSchemaQuery);
  const answer = useMutation({
    mutationFn: (query: string) => {
      running.current?.abort();
      running.current = new AbortController();
      return runSql(query, running.current.signal);
    },
  });
  /** The question that was asked last. */
  const asked = useRef<string>(undefined);
  const run = (query = text) => {
    if (!query.trim()) return;
    asked.current = query;
    void navigate({ search: (before) => ({ ...before, q: query }), replace: true });
    answer.mutate(query);
  };
  const { mutate } = answer;
  // A link to a question shows its answer, also where the page was open already.
  useEffect(() => {
    if (!q || q === asked.current) return;
    asked.current = q;
    setText(q);
    mutate(q);
  }, [q, mutate]);
  useEffect(
    () => () => {
      running.current?.abort();
      asked.current = undefined;
    },
    [],
  );
  useKeys({ "/": () => editor.current?.focus() });

  const insert = (word: string) => {
    const field = editor.current;
    if (!field) return;
    const { selectionStart: start, selectionEnd: end } = field;
    setText(text.slice(0, start) + word + text.slice(end));
    requestAnimationFrame(() => {
      field.focus();
      field.setSelectionRange(start + word.length, start + word.length);
    });
  };

  return (
    <div className={classes.page}>
      <PageHeader title="Explore" note="SQL, read only">
        <Menu position="bottom-end" width={280}>
          <Menu.Target>
            <Button variant="default" leftSection={<IconBookmark size={14} stroke={1.8} />}>
              Examples
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {EXAMPLES.map((example) => (
              <Menu.Item
                key={example.title}
                onClick={() => {
                  setText(example.query);
                  run(example.query);
                }}
              >
                {example.title}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
        <Button leftSection={<IconPlayerPlay size={14} stroke={2} />} loading={answer.isPending} onClick={() => run()}>
          Run
        </Button>
      </PageHeader>
      <ExploreTabs active="sql" />
      <div className={classes.split}>
        <Schema schema={schema.data} error={schema.error} onPick={insert} />
        <div className={classes.work}>
          <textarea
            ref={editor}
            className={classes.editor}
            aria-label="SQL query"
            spellCheck={false}
            autoCapitalize="off"
            autoCorrect="off"
            rows={Math.min(14, Math.max(5, text.split("\n").length + 1))}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
                event.preventDefault();
                run();
              }
              if (event.key === "Escape") editor.current?.blur();
            }}
          />
          <div className={classes.bar}>
            <SegmentedControl
              size="xs"
              aria-label="How the answer is shown"
              value={as ?? "rows"}
              onChange={(value) =>
                void navigate({
                  search: (before) => ({ ...before, as: value === "chart" ? "chart" : undefined }),
                  replace: true,
                })
              }
              data={[
                { value: "rows", label: "Rows" },
                { value: "chart", label: "Chart" },
              ]}
            />
            {answer.data ? <Outcome answer={answer.data} /> : <span className="faint">Ctrl+Enter runs the query.</span>}
          </div>
          <div className={classes.result}>
            {answer.isError ? (
              <Failure error={answer.error} />
            ) : answer.data ? (
              answer.data.rows.length > 0 ? (
                as === "chart" ? (
                  <ResultChart
                    answer={answer.data}
                    x={x}
                    onX={(column) => void navigate({ search: (before) => ({ ...before, x: column }), replace: true })}
                  />
                ) : (
                  <ResultTable answer={answer.data} />
                )
              ) : (
                <Empty title="No rows" />
              )
            ) : null}
          </div>
        </div>
      </div>
    </div>
  );
}

function Failure({ error }: { error: unknown }) {
  const { title, detail } = explain(error, "the answer");
  return (
    <div className={classes.failure} role="alert">
      <strong>{title}</strong>
      <pre>{detail}</pre>
    </div>
  );
}

function Outcome({ answer }: { answer: SqlAnswer }) {
  const text = () =>
    csv(
      answer.columns.map((column) => column.name),
      answer.rows,
    );
  const download = () => {
    const url = URL.createObjectURL(new Blob([text()], { type: "text/csv" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = "tawny.csv";
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <>
      <span className="tnum" role="status">
        {plural(answer.rows.length, "row")} in {duration(answer.elapsed_ms)}
      </span>
      {answer.truncated && (
        <span className={classes.truncated}>
          Only the first {count(answer.rows.length)} rows. Add a LIMIT or aggregate.
        </span>
      )}
      <span className={classes.actions}>
        <CopyButton text={text} label="Copy as CSV" size={26} />
        <Button
          size="compact-xs"
          variant="default"
          leftSection={<IconDownload size={13} stroke={1.8} />}
          onClick={download}
        >
          CSV
        </Button>
      </span>
    </>
  );
}
