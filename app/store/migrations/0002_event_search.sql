-- What is searched of an event: its name and payload. The letter U+E000 at the end marks one that the index
-- may see with other words than the filters do (anything but ASCII, and JSON's escapes), so that it is
-- looked at whatever is searched for. It is not to change: rows leave the index with the text they came with.
CREATE VIEW event_texts (seq, text) AS
    SELECT seq,
           name || ' ' || payload || CASE
               WHEN instr(payload, '\') OR length(payload) <> length(CAST(payload AS BLOB))
                    OR length(name) <> length(CAST(name AS BLOB)) THEN ' ' || char(57344)
               ELSE ''
           END
    FROM events;

-- The index of their words. It is filled a while after the events come, so that keeping them stays fast.
CREATE VIRTUAL TABLE events_text USING fts5 (
    text,
    content = 'event_texts',
    content_rowid = 'seq',
    tokenize = 'unicode61 remove_diacritics 0',
    detail = none,
    columnsize = 0
);

-- How far it is: events up to this number are in it.
CREATE TABLE events_text_state (
    indexed_seq INTEGER NOT NULL
) STRICT;
INSERT INTO events_text_state VALUES (0);
