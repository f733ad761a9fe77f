-- A crawl in one file. Times are seconds since the epoch, fingerprints as policy/urls has them.
-- PRAGMA user_version is the format's version, PRAGMA application_id says that it is ours.

-- What was asked for: the settings that give the crawl its meaning, as JSON. No secrets.
CREATE TABLE asked (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- The account of each pass. `merged` is the last url that `seen` knows; `base` the last one that
-- was there when the pass began, `since` the pass from which on pages lead to the same as in
-- this one, and `chosen` that from which on the same is taken out of them. `rolling`: what was
-- fetched longest ago goes first; `unsure` counts ends that tell nothing of what is there. `ended`
-- is why there is no more to come, at `finished`, and `unconfirmed` how many known pages were not
-- met until then; `stamp` is the CRC-32 of number, base, since, chosen, rolling, unsure, ended and
-- unconfirmed.
CREATE TABLE pass (
    number INTEGER PRIMARY KEY,
    started REAL NOT NULL,
    discovered INTEGER NOT NULL DEFAULT 0,
    fetched INTEGER NOT NULL DEFAULT 0,
    redirected INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    gone INTEGER NOT NULL DEFAULT 0,
    merged INTEGER NOT NULL DEFAULT 0,
    base INTEGER NOT NULL,
    since INTEGER NOT NULL,
    chosen INTEGER NOT NULL,
    rolling INTEGER NOT NULL,
    unsure INTEGER NOT NULL,
    ended TEXT CHECK (ended IN ('drained', 'max_pages')),
    unconfirmed INTEGER NOT NULL,
    finished REAL,
    stamp INTEGER NOT NULL
);

-- `open` counts the site's urls without verdict; it may be visited again from `due` on,
-- and lent from `next` on (null: held, or nothing to lend).
CREATE TABLE site (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    open INTEGER NOT NULL DEFAULT 0,
    delay REAL NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0,
    next REAL
);
CREATE INDEX waiting ON site (next) WHERE next IS NOT NULL;

-- Every url accepted, in the order first found. `pass` is the last in which it was met, and
-- what follows is of that: `via` the url that named it (a text where that is none of the crawl:
-- a robots.txt), `seed` the seed it descends from (null: itself), `level` what orders the urls
-- of a site (the depth, or 0 where that does not), `due` when it is to be tried again, `verdict`
-- how it ended (null: it is open; left: the pass ended first), `why` an error class, a skip
-- reason, or why it is gone; status and `why` of an open url are of its last end. `stamp` is the
-- CRC-32 of the columns before it.
CREATE TABLE url (
    id INTEGER PRIMARY KEY,
    site INTEGER NOT NULL,
    fp INTEGER NOT NULL,
    url TEXT NOT NULL,
    pass INTEGER NOT NULL,
    level INTEGER NOT NULL,
    depth INTEGER NOT NULL,
    hops INTEGER NOT NULL,
    via,
    seed INTEGER,
    meta BLOB,
    stamp INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    due REAL,
    verdict TEXT,
    status INTEGER,
    why TEXT
);
CREATE INDEX open ON url (site, level) WHERE verdict IS NULL;
CREATE INDEX again ON url (site, due) WHERE due IS NOT NULL;

-- Which url a fingerprint is, clustered by site. It is filled from `url` in sorted bulk, which
-- costs a quarter of an index kept up row by row; what is not in it yet is in memory.
CREATE TABLE seen (
    site INTEGER NOT NULL,
    fp INTEGER NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (site, fp)
) WITHOUT ROWID;

-- What a page, a redirect or a sitemap said when it last answered, in `pass` and at `fetched`:
-- validators, and the urls it leads to as an array of little-endian 32-bit ids; with `hop` these
-- are no deeper than itself, which was at `depth`. `digest` is what it is compared by, `selected`
-- the fields and items taken out of it, as JSON, from a kilobyte to a megabyte deflated (null:
-- nothing is).
-- A page that is gone has no row. `stamp` is the CRC-32 of the columns before it.
CREATE TABLE page (
    id INTEGER PRIMARY KEY,
    etag TEXT,
    modified TEXT,
    links BLOB NOT NULL,
    verdict TEXT NOT NULL,
    status INTEGER,
    hop INTEGER NOT NULL,
    depth INTEGER NOT NULL,
    digest BLOB,
    selected BLOB,
    fetched REAL NOT NULL,
    pass INTEGER NOT NULL,
    stamp INTEGER NOT NULL
);

-- What answers otherwise than it did before: pages that were new, pages and redirects that have
-- changed or are gone (`why`), the status before and after, and what was selected of the page before and after, as in `page`.
CREATE TABLE change (
    pass INTEGER NOT NULL,
    id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    why TEXT,
    status_before INTEGER,
    status_after INTEGER,
    fields_before BLOB,
    fields_after BLOB,
    PRIMARY KEY (pass, id)
) WITHOUT ROWID;

-- How a url ended in the passes before `pass`, in which it ended otherwise: what `url` says of an
-- end, and is overwritten there.
CREATE TABLE former (
    id INTEGER NOT NULL,
    pass INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    status INTEGER,
    why TEXT,
    PRIMARY KEY (id, pass)
) WITHOUT ROWID;

-- How far each output had been written at the last commit, and the CRC-32 of those bytes; and
-- the same for what it held before the crawl. `closed`: a run has ended with it, and nothing of
-- ours is behind the mark.
CREATE TABLE output (
    name TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    bytes_before INTEGER NOT NULL,
    crc_before INTEGER NOT NULL,
    closed INTEGER NOT NULL
) WITHOUT ROWID;
