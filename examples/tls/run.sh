#!/usr/bin/env bash
# TLS in front, with the hybrid allocator, metrics and a JSON access log.
. "$(dirname "$0")/../lib.sh"

"$HEAPGATE" cert --out "$TMP" >/dev/null
start_origin
export PORT=0 METRICS_PORT=0 APP=$ORIGIN
export CERT=$TMP/tls.crt KEY=$TMP/tls.key ACCESS_LOG=$TMP/access.log
start_heapgate
get() { curl -sS --cacert "$CERT" "$@"; }
shows "HTTP/2 by ALPN" "$(get -i --http2 "https://$LISTEN/?q=1")" "HTTP/2 200"
shows "HTTP/1.1 by ALPN" "$(get -i --http1.1 "https://$LISTEN/")" "HTTP/1.1 200 OK"
shows "TLS 1.2 still works" \
	"$(get -w '%{ssl_verify_result} %{http_code}' -o /dev/null --tls-max 1.2 \
		"https://$LISTEN/")" "0 200"
sum=$(get "https://$LISTEN/bytes/10m" | sha256sum)
shows "10 MiB down, the same as from the server" "$sum" \
	"$(curl -sS "http://$ORIGIN/bytes/10m" | sha256sum)"
get -o "$TMP/10m" "https://$LISTEN/bytes/10m"
shows "10 MiB up, the same at the server" \
	"$(get --data-binary "@$TMP/10m" "https://$LISTEN/sink")" \
	"\"sha256\":\"${sum%% *}\""
shows "metrics" "$(curl -sS "http://$METRICS/metrics" | grep '^heapgate_allocator_info')" \
	'allocator="hybrid"'
shows "ready" "$(curl -sS -w ' %{http_code}' "http://$METRICS/readyz")" " 200"
stop_heapgate
shows "each request is in the log" "$(wc -l <"$ACCESS_LOG") lines" "6 lines"
shows "as JSON" "$(cat "$ACCESS_LOG")" '"path":"/?q=1","protocol":"HTTP/2","status":200'
