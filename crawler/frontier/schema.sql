-- A crawl in one file. Times are seconds since the epoch, fingerprints as policy/urls has them.
-- PRAGMA user_version is the format's version, PRAGMA application_id says that it is ours.

-- What was asked for: the settings that give the crawl its meaning, as JSON. No secrets.
CREATE TABLE asked (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- The account of each pass. `merged` is the last url that `seen` knows.
CREATE TABLE pass (
    number INTEGER PRIMARY KEY,
    started REAL NOT NULL,
    discovered INTEGER NOT NULL DEFAULT 0,
    fetched INTEGER NOT NULL DEFAULT 0,
    redirected INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    gone INTEGER NOT NULL DEFAULT 0,
    merged INTEGER NOT NULL DEFAULT 0
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

-- Every url accepted, in the order found. `via` is the url that named it (a text where that
-- is none of the crawl: a robots.txt), `seed` the seed it descends from (null: itself),
-- `level` the depth, or 0 where depth does not order the crawl, `due` when it is to be tried
-- again, `why` an error class or a skip reason, `stamp` the CRC-32 of the columns before it.
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

-- What a page, a redirect or a sitemap said: validators, and the urls it leads to as an array
-- of little-endian 32-bit ids.
CREATE TABLE page (
    id INTEGER PRIMARY KEY,
    etag TEXT,
    modified TEXT,
    links BLOB NOT NULL
);

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
