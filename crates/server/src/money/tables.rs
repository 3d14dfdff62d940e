//! The tables of the ledger in the state, step by step. What is written there: `kept.rs`.

use state::Part;

/// The tables.
pub const PART: Part = Part {
    name: "money",
    migrations: &["
        CREATE TABLE money_runs (
            id INTEGER PRIMARY KEY,
            project TEXT NOT NULL,
            trace BLOB NOT NULL,
            environment TEXT NOT NULL,
            workflow TEXT NOT NULL,
            session TEXT,
            user TEXT,
            version TEXT,
            judged INTEGER NOT NULL,
            UNIQUE (project, trace)
        ) STRICT;
        CREATE TABLE money_calls (
            run INTEGER NOT NULL,
            span BLOB NOT NULL,
            at INTEGER NOT NULL,
            agent TEXT, above TEXT, tool TEXT, model TEXT, request_model TEXT, provider TEXT,
            input INTEGER, output INTEGER, cache_read INTEGER, cache_write INTEGER, reasoning INTEGER, total INTEGER,
            write_1h INTEGER NOT NULL, audio_in INTEGER NOT NULL, audio_out INTEGER NOT NULL, tier TEXT NOT NULL,
            tells INTEGER NOT NULL,
            pico INTEGER,
            basis TEXT NOT NULL, price_row TEXT, why TEXT, least INTEGER, most INTEGER,
            reservation TEXT,
            PRIMARY KEY (run, span)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX money_calls_at ON money_calls (at);
        CREATE TABLE money_hours (
            project TEXT NOT NULL, hour INTEGER NOT NULL, environment TEXT NOT NULL, workflow TEXT NOT NULL,
            agent TEXT NOT NULL, tool TEXT NOT NULL, model TEXT NOT NULL, provider TEXT NOT NULL, version TEXT NOT NULL,
            basis TEXT NOT NULL,
            calls INTEGER NOT NULL, input INTEGER NOT NULL, output INTEGER NOT NULL, cache_read INTEGER NOT NULL,
            cache_write INTEGER NOT NULL, reasoning INTEGER NOT NULL, unpriced INTEGER NOT NULL, pico INTEGER NOT NULL,
            PRIMARY KEY (project, hour, environment, workflow, agent, tool, model, provider, version, basis)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE money_delegated (
            project TEXT NOT NULL, hour INTEGER NOT NULL, environment TEXT NOT NULL, agent TEXT NOT NULL, pico INTEGER NOT NULL,
            PRIMARY KEY (project, hour, environment, agent)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE money_sla_runs (
            id INTEGER PRIMARY KEY,
            project TEXT NOT NULL, trace BLOB NOT NULL, workflow TEXT NOT NULL, at INTEGER NOT NULL, judged INTEGER NOT NULL,
            breaches TEXT NOT NULL,
            UNIQUE (project, trace)
        ) STRICT;
        CREATE TABLE money_sla_hours (
            project TEXT NOT NULL, workflow TEXT NOT NULL, hour INTEGER NOT NULL, objective TEXT NOT NULL,
            runs INTEGER NOT NULL, good INTEGER NOT NULL,
            PRIMARY KEY (project, workflow, hour, objective)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE money_texts (name TEXT PRIMARY KEY, text TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
        CREATE TABLE money_crossings (
            id INTEGER PRIMARY KEY,
            at INTEGER NOT NULL, budget TEXT NOT NULL, key TEXT NOT NULL, project TEXT, run TEXT, percent INTEGER NOT NULL,
            action TEXT NOT NULL, limit_pico INTEGER NOT NULL, spent_pico INTEGER NOT NULL, sent INTEGER NOT NULL
        ) STRICT;
    ",
        // What calls have in common (who made them, of what, priced how) took two thirds of each row, and the times of calls an index of
        // their own. The common part is written once, and the latest call of a run finds runs by time.
        "
        CREATE TABLE money_shapes (
            id INTEGER PRIMARY KEY,
            shape TEXT NOT NULL UNIQUE,
            agent TEXT, above TEXT, tool TEXT, model TEXT, request_model TEXT, provider TEXT,
            tier TEXT NOT NULL, tells INTEGER NOT NULL, basis TEXT NOT NULL, price_row TEXT, why TEXT,
            run INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX money_shapes_run ON money_shapes (run);
        CREATE TABLE money_entries (
            run INTEGER NOT NULL,
            span BLOB NOT NULL,
            at INTEGER NOT NULL,
            shape INTEGER NOT NULL,
            input INTEGER, output INTEGER, cache_read INTEGER, cache_write INTEGER, reasoning INTEGER, total INTEGER,
            write_1h INTEGER, audio_in INTEGER, audio_out INTEGER,
            pico INTEGER, least INTEGER, most INTEGER, reservation TEXT,
            PRIMARY KEY (run, span)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO money_shapes (shape, agent, above, tool, model, request_model, provider, tier, tells, basis, price_row, why, run)
            SELECT json_array(agent, above, tool, model, request_model, provider, tier, tells, basis, price_row, why) AS shape,
                   agent, above, tool, model, request_model, provider, tier, tells, basis, price_row, why, max(run)
            FROM money_calls GROUP BY 1;
        INSERT INTO money_entries
            SELECT c.run, c.span, c.at, s.id, c.input, c.output, c.cache_read, c.cache_write, c.reasoning, c.total,
                   nullif(c.write_1h, 0), nullif(c.audio_in, 0), nullif(c.audio_out, 0), c.pico, c.least, c.most, c.reservation
            FROM money_calls c JOIN money_shapes s ON s.shape = json_array(c.agent, c.above, c.tool, c.model, c.request_model,
                 c.provider, c.tier, c.tells, c.basis, c.price_row, c.why);
        ALTER TABLE money_runs ADD COLUMN last INTEGER NOT NULL DEFAULT 0;
        UPDATE money_runs SET last = coalesce((SELECT max(at) FROM money_calls WHERE run = money_runs.id), 0);
        CREATE INDEX money_runs_last ON money_runs (project, last);
        DROP TABLE money_calls;
        CREATE VIEW money_calls AS
            SELECT e.run, e.span, e.at, s.agent, s.above, s.tool, s.model, s.request_model, s.provider,
                   e.input, e.output, e.cache_read, e.cache_write, e.reasoning, e.total,
                   coalesce(e.write_1h, 0) AS write_1h, coalesce(e.audio_in, 0) AS audio_in, coalesce(e.audio_out, 0) AS audio_out,
                   s.tier, s.tells, e.pico, s.basis, s.price_row, s.why, e.least, e.most, e.reservation
            FROM money_entries e CROSS JOIN money_shapes s ON s.id = e.shape;
    "],
};
