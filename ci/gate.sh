#!/usr/bin/env bash
# Gates a pull request on any CI and ends with evalgate's exit code: 0 ship, 1 blocked, 2 inconclusive, 3 and 64 errors.
#
#   EVALGATE_SUITE       the suite whose candidates are scored (recorded predictions need no model), or
#   EVALGATE_RUN         a recorded run that is judged again
#   EVALGATE_AGAINST     accepted baselines that stand for the suite's own; empty: baselines are asked
#   EVALGATE_CANDIDATES  only these candidates, a,b; empty: all
#   EVALGATE_OUTPUT      the run's folder (build/evalgate)
#   EVALGATE_ARGS        more arguments, split at spaces
set -uo pipefail

folder=${EVALGATE_RUN:-${EVALGATE_OUTPUT:-build/evalgate}}
if [ -n "${EVALGATE_RUN:-}" ]; then
  command=(gate "$EVALGATE_RUN")
elif [ -n "${EVALGATE_SUITE:-}" ]; then
  command=(run "$EVALGATE_SUITE" -o "$folder")
  [ -z "${EVALGATE_CANDIDATES:-}" ] || command+=(--candidates "$EVALGATE_CANDIDATES")
else
  echo 'gate.sh: set EVALGATE_SUITE to a suite, or EVALGATE_RUN to a recorded run' >&2
  exit 64
fi
[ -z "${EVALGATE_AGAINST:-}" ] || command+=(--against "$EVALGATE_AGAINST")
read -ra more <<<"${EVALGATE_ARGS:-}"

# An older decision must not stand where this one fails to be made.
rm -f "$folder/decision.json"
evalgate "${command[@]}" "${more[@]}"
code=$?

case $code in
  0) outcome=ship ;;
  1) outcome=keep_baseline ;;
  2) outcome=inconclusive ;;
  *) outcome=error ;;
esac
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  {
    echo "exit-code=$code"
    echo "outcome=$outcome"
    echo "folder=$folder"
  } >>"$GITHUB_OUTPUT"
fi
echo "evalgate: $outcome (exit code $code); decision, report and junit.xml in $folder" >&2
exit "$code"
