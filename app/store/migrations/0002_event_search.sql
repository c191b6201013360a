-- What is searched of an event: the words of its name and its payload, without JSON's escapes, as their letters
-- would lengthen the words beside them. Two letters for private use mark events at the end of their text:
-- U+E000 one that the index may see with other words than the filters do, so that it is looked at whatever is
-- searched for: it has control characters, or characters outside of the ranges below, about which the
-- tokenizer's old tables and the Unicode of today may not agree; U+E001 one with other characters than ASCII.
-- It is not to change: rows leave the index with the text that they came with.
CREATE VIEW event_texts (seq, text) AS
    SELECT seq,
           name || ' ' || words
           || CASE
               WHEN instr(words, '\u') OR (wide AND name || words GLOB
                   '*[^ -' || char(0x377, 0x3a3) || '-' || char(0x52f, 0x2000) || '-' || char(0x2064, 0x2100) || '-'
                   || char(0x2189, 0x2190) || '-' || char(0x23f3, 0x2500) || '-' || char(0x26ff, 0x2701) || '-'
                   || char(0x2b4c, 0x3000) || '-' || char(0x303f, 0x3041) || '-' || char(0x3096, 0x3099) || '-'
                   || char(0x30ff, 0x3300) || '-' || char(0xa48c, 0xac00) || '-' || char(0xd7a3, 0xff01) || '-'
                   || char(0xffbe, 0x1f442) || '-' || char(0x1f4f7, 0x1f500) || '-' || char(0x1f53d, 0x1f5fb) || '-'
                   || char(0x1f640, 0x1f680) || '-' || char(0x1f6c5) || ']*')
               THEN ' ' || char(0xe000) ELSE ''
           END
           || CASE WHEN wide THEN ' ' || char(0xe001) ELSE '' END
    FROM (
        SELECT seq,
               name,
               replace(replace(replace(replace(replace(replace(
                   payload, '\\', ' '), '\n', ' '), '\t', ' '), '\r', ' '), '\b', ' '), '\f', ' ') AS words,
               length(payload) <> length(CAST(payload AS BLOB))
               OR length(name) <> length(CAST(name AS BLOB)) AS wide
        FROM events
    );

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
