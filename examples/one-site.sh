#!/bin/sh
# All of a site, into a file; then what there is, by status:  one-site.sh https://example.com
crawler crawl "$1" -o pages.jsonl --overwrite
jq -r '[.status, .url, .title // .location // .error.class] | @tsv' pages.jsonl | sort
