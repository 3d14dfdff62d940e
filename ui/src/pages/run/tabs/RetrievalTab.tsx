/** What was searched for and what was found, by relevance. */
import type { RetrievedDocument, Step } from "@/api/types";
import { digits } from "@/lib/locale";
import { AnyValue, TextBlock } from "@/ui/TextBlock";
import { Fold, Section } from "./Section";
import classes from "./tabs.module.css";

export function RetrievalTab({ step }: { step: Step }) {
  const { retrieval } = step;
  if (!retrieval) return null;
  return (
    <div className={classes.tab}>
      <Section title="Query">
        {retrieval.query ? (
          <TextBlock text={retrieval.query} />
        ) : step.input != null ? (
          <AnyValue value={step.input} />
        ) : (
          <p className={classes.none}>The query was not sent.</p>
        )}
      </Section>
      {retrieval.input_documents.length > 0 && (
        <Fold title={`${retrieval.input_documents.length} documents given`}>
          <Documents documents={retrieval.input_documents} />
        </Fold>
      )}
      <Section
        title={
          retrieval.documents.length === 1
            ? "1 document"
            : `${retrieval.documents.length || (retrieval.count ?? 0)} documents`
        }
      >
        {retrieval.documents.length > 0 ? (
          <Documents documents={retrieval.documents} />
        ) : (
          <p className={classes.none}>{retrieval.count ? "Their texts were not sent." : "Nothing was found."}</p>
        )}
      </Section>
    </div>
  );
}

function Documents({ documents }: { documents: RetrievedDocument[] }) {
  const scores = documents.map((each) => each.score).filter((score): score is number => typeof score === "number");
  const best = Math.max(...scores.map(Math.abs), Number.MIN_VALUE);
  return (
    <ol className={classes.documents}>
      {documents.map((document, at) => (
        <li key={at}>
          <div className={classes.documentHead}>
            <span className="faint tnum">{at + 1}</span>
            <span className="cut mono">{document.id ?? "no id"}</span>
            {typeof document.score === "number" && (
              <span className={classes.score} title={`Score ${document.score}`}>
                <span aria-hidden>
                  <i style={{ width: `${(Math.abs(document.score) / best) * 100}%` }} />
                </span>
                <b>{digits(document.score, 4)}</b>
              </span>
            )}
          </div>
          {document.content && <TextBlock text={document.content} />}
          {document.metadata != null && (
            <Fold title="Metadata">
              <AnyValue value={document.metadata} />
            </Fold>
          )}
        </li>
      ))}
    </ol>
  );
}
