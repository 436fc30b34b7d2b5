#!/usr/bin/env bash
# Writes report.md into one comment of a GitHub pull request, and into the same one the next time.
# Needs gh with GH_TOKEN (pull-requests: write), GITHUB_REPOSITORY, PULL_REQUEST (its number), EVALGATE_REPORT (the file).
set -euo pipefail

LIMIT=60000 # GitHub takes 65,536 characters
read -r marker <"$EVALGATE_REPORT"
body=$(mktemp)
trap 'rm -f "$body"' EXIT
# A character that the cut has halved is left out.
head -c "$LIMIT" "$EVALGATE_REPORT" | iconv -f utf-8 -t utf-8 -c >"$body" 2>/dev/null || true

# Only a bot's comment is its own: people may quote the marker.
ours=".[] | select(.user.type == \"Bot\" and (.body | startswith(\"$marker\"))) | .id"
found=$(gh api --paginate "repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments" --jq "$ours")
id=${found%%$'\n'*}
if [ -n "$id" ]; then
  gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$id" -F "body=@$body"
else
  gh api --silent --method POST "repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments" -F "body=@$body"
fi
