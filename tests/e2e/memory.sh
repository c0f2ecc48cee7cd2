# memory: watching what workers keep. Sourced after lib.sh.

# measure_idle PATH: sets $WORKER and $IDLE_KB, after one request, so that
# what is touched once is not counted as kept.
measure_idle() {
	get "$1" -o /dev/null
	WORKER=$(worker)
	sleep 0.5
	IDLE_KB=$(rss "$WORKER")
}

# watch NAME: stay_small is to look at $WORKER, idle at $IDLE_KB.
declare -A WATCH_PID WATCH_IDLE
watch_none() { WATCH_PID=() WATCH_IDLE=(); }
watch() { WATCH_PID[$1]=$WORKER WATCH_IDLE[$1]=$IDLE_KB; }

# stay_small SECONDS: the RSS of each worker stays within 4 MiB of its idle
# value.
stay_small() {
	local end=$((SECONDS + $1)) now name
	local -A most=()
	while [ $SECONDS -lt $end ]; do
		for name in "${!WATCH_PID[@]}"; do
			now=$(rss "${WATCH_PID[$name]}")
			[ "$now" -le "${most[$name]:-0}" ] || most[$name]=$now
			at_most "$now" $((WATCH_IDLE[$name] + 4096)) \
				"kB resident with $name, idle ${WATCH_IDLE[$name]}"
		done
		sleep 0.2
	done
	for name in "${!WATCH_PID[@]}"; do
		show "$name: idle ${WATCH_IDLE[$name]} kB, at most ${most[$name]} kB"
	done
}
