#!/bin/sh
# An archive of articles: the main content of each as a Markdown file.
mkdir -p archive
crawler crawl "$1articles/" --scope dir --markdown --emit page |
  jq -r '(.url | split("/")[-1] | if . == "" then "index" else . end) + "\t" + (.markdown | @base64)' |
  while IFS="$(printf '\t')" read -r name markdown; do
    { printf '%s' "$markdown" | base64 -d; echo; } > "archive/$(basename "$name" .html).md"
  done
cat archive/steeping.md
