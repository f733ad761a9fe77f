#!/bin/sh
# What a shop sells, as a table: the items that a recipe describes.
crawler crawl "$1" --recipe "$(dirname "$0")/tea.toml" --emit item \
  -o teas.csv --overwrite --fields fields.name,fields.price,fields.grams,fields.picked
cat teas.csv
