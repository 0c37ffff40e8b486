#!/bin/bash
# Jobs of a shell, in groups of their own: one that ends as it is told, and a pipeline.
set -m
(
  trap 'exit 3' USR1
  while :; do sleep 0.1; done
) &
job=$!
sleep 1000 | cat &
echo ready
nr_lines=0
while read -r _; do
  nr_lines=$((nr_lines + 1))
  echo "$nr_lines $(jobs -r | grep -c Running)"
done
kill -USR1 "$job"
wait "$job"
echo "job $?"
kill %2
wait
exit 9
