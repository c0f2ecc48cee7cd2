#!/usr/bin/env bash
# Which allocator takes less memory under our traffic? Asked offline, in half
# a minute; docs/comparing.md says how to read the answer.
. "$(dirname "$0")/../lib.sh"

# What was asked of us; take it from an access log.
cat >"$TMP/requests" <<'END'
GET /bytes/2k
GET /bytes/16k
POST /echo 1024
GET /headers      # and from the start again
END

code=0
"$HEAPGATE" ab --arms jemalloc --baseline system --rounds 6 --duration 24s \
	--workload "replay:$TMP/requests" --rate 500 --seed 7 \
	--gate 'rss_avg<=3x' --out "$TMP/report" >"$TMP/table" 2>"$TMP/progress" ||
	code=$?
sed -n '/^rss_avg:/,/^rss_avg_gross:/p' "$TMP/table" | head -n -1
grep -E '^(UNRELIABLE|Against)' "$TMP/table"

# 0: the gate holds; 4: it cannot be decided, on a host that is too busy.
case $code in
0) shows "the gate of an automatic build" "$(cat "$TMP/table")" "rss_avg<=3x: holds" ;;
4) shows "nothing is claimed" "$(cat "$TMP/table")" "rss_avg<=3x: undecided" ;;
*) cat "$TMP/progress" >&2; fail "heapgate ab ended with $code" ;;
esac
shows "a report in one file" "$(cat "$TMP/report/report.html")" '<p id="verdict"'
shows "figures for programs" "$(cat "$TMP/report/summary.json")" '"version": 2'

cp -r "$TMP/report" "$TMP/again"
"$HEAPGATE" ab --render "$TMP/again" >"$TMP/table2" || true
diff -r "$TMP/report" "$TMP/again" || fail "the report is not the same again"
shows "the same from the raw data" "$(cat "$TMP/table2")" "report: $TMP/again/report.html"
