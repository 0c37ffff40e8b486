#!/bin/bash
# Computes a number from the one before, without an end and without a child. Each line that it is told
# is answered by the number of steps and the number; the last 500 are in an array. Told `end`, it finds
# the largest of these by a pipeline in the background, for which it waits, and ends with the status 7.
set -u

step() { value=$(((value * 1103515245 + 12345) % 2147483648)); }

value=1 count=0
declare -a last=()
echo ready
while :; do
  step
  last[count++ % 500]=$value
  read -r -t 0 || continue
  read -r told || exit 3
  echo "$count $value"
  [[ $told != end ]] || break
done
{ printf '%s\n' "${last[@]}" | sort -n | tail -n 1; } &
wait $! && exit 7
