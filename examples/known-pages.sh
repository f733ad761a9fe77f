#!/bin/sh
# Just these pages, each with what is known of it already: what "meta" says comes back in every
# record. (Seeds from stdin open no private addresses; --allow-private is for the example's.)
printf '%s\t%s\n' green 12.50 black 7.20 white 30.00 |
  jq -cR --arg shop "$1shop/" 'split("\t") | {url: "\($shop)\(.[0]).html", meta: {price: .[1]}}' |
  crawler crawl - --scope page --allow-private |
  jq -r '[.type, .meta.price, .title // .error.message] | @tsv' | sort
