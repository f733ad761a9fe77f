#!/bin/sh
# A gate for CI: which pages of a site link to what is not there. Exits with 1 if any does.
crawler crawl "$1" --fail-on broken --emit error -o broken.jsonl --overwrite
code=$?
jq -r '"\(.via) links to \(.url): \(.error.message)"' broken.jsonl
exit $code
