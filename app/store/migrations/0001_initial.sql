-- Events: the append-only log. seq is gapless and given by the bus, not by SQLite.
CREATE TABLE events (
    seq            INTEGER PRIMARY KEY,
    id             TEXT NOT NULL,
    time           INTEGER NOT NULL,            -- microseconds since 1970, UTC
    name           TEXT NOT NULL,
    source         TEXT NOT NULL,
    session_id     TEXT,
    correlation_id TEXT,
    parent_id      TEXT,
    language       TEXT NOT NULL,
    payload        TEXT NOT NULL,               -- JSON
    schema         INTEGER NOT NULL
) STRICT;
CREATE INDEX events_name ON events (name);
CREATE INDEX events_session ON events (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX events_correlation ON events (correlation_id) WHERE correlation_id IS NOT NULL;

-- Sessions: a conversation. head_id is the newest message of the branch that is shown.
CREATE TABLE sessions (
    id         TEXT PRIMARY KEY,
    title      TEXT NOT NULL,
    created    INTEGER NOT NULL,                -- microseconds since 1970, UTC
    updated    INTEGER NOT NULL,
    head_id    TEXT,
    model      TEXT,
    draft      TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX sessions_updated ON sessions (updated DESC);

-- Messages: a tree in each session. Editing and regenerating add branches; nothing is overwritten.
CREATE TABLE messages (
    id             TEXT PRIMARY KEY,
    session_id     TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    parent_id      TEXT REFERENCES messages (id) ON DELETE CASCADE,
    role           TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant', 'tool')),
    status         TEXT NOT NULL CHECK (status IN ('complete', 'streaming', 'cancelled', 'interrupted', 'failed')),
    text           TEXT NOT NULL,
    created        INTEGER NOT NULL,
    finished       INTEGER,
    model          TEXT,
    correlation_id TEXT,
    meta           TEXT NOT NULL DEFAULT '{}'   -- JSON: usage, timings, error
) STRICT;
CREATE INDEX messages_session ON messages (session_id, created);
CREATE INDEX messages_parent ON messages (parent_id);
CREATE INDEX messages_unfinished ON messages (status) WHERE status = 'streaming';
