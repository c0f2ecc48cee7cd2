# memory: watching what workers keep. Sourced after lib.sh.

# measure_idle PATH: sets $WORKER and $IDLE_KB, after one request, so that
# what is touched once is not counted as kept.
measure_idle() {
	get "$1" -o /dev/null
	WORKER=$(worker)
	sleep 0.5
	IDLE_KB=$(rss "$WORKER")
}

# watch NAME PID: stay_small is to look at $WORKER, idle at $IDLE_KB, while
# this process runs, a client or the heapgate itself.
declare -A WATCH_WORKER=() WATCH_IDLE=() WATCH_WHILE=()
watch() { WATCH_WORKER[$1]=$WORKER WATCH_IDLE[$1]=$IDLE_KB WATCH_WHILE[$1]=$2; }

# stay_small SECONDS: the RSS of each worker that is watched stays within 4 MiB
# of its idle value. Then they are watched no more, and the processes end.
stay_small() {
	local end=$((SECONDS + $1)) now name
	local -A most=()
	while [ $SECONDS -lt $end ]; do
		for name in "${!WATCH_WORKER[@]}"; do
			now=$(rss "${WATCH_WORKER[$name]}")
			[ "$now" -le "${most[$name]:-0}" ] || most[$name]=$now
			at_most "$now" $((WATCH_IDLE[$name] + 4096)) \
				"kB resident with $name, idle ${WATCH_IDLE[$name]}"
		done
		sleep 0.2
	done
	for name in "${!WATCH_WORKER[@]}"; do
		alive "${WATCH_WHILE[$name]}" || flunk "$name: ended early"
		show "$name: idle ${WATCH_IDLE[$name]} kB, at most ${most[$name]} kB"
	done
	for name in "${!WATCH_WORKER[@]}"; do
		kill "${WATCH_WHILE[$name]}"
	done
	WATCH_WORKER=() WATCH_IDLE=() WATCH_WHILE=()
}
