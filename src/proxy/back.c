#include "proxy/back.h"

const char *back_open_fault(const struct conn *c, enum conn_end why)
{
	switch (why) {
	case CONN_TIMEOUT:
		return "connection_timeout";
	case CONN_REFUSED:
		return "connection_refused";
	case CONN_TLS_ERROR:
		return conn_is_bad_cert(c) ? "tls_certificate_error"
					   : "tls_protocol_error";
	case CONN_NO_MEMORY:
		return "proxy_internal_error";
	default:
		return "connection_terminated";
	}
}
