/*
 * nouns: the directives that make a struct of their own, and the types that
 * only their arguments have.
 */
#ifndef HEAPGATE_NOUNS_H
#define HEAPGATE_NOUNS_H

#include "conf/directive.h"

/* snapshot_listen.c */
extern const struct noun noun_listen, noun_cert;
extern const struct value_type value_listen;     /* of a struct listen_conf */
extern const struct value_type value_first_cert; /* likewise */
extern const struct value_type value_first_key;

/* snapshot_upstream.c */
extern const struct noun noun_upstream, noun_server, noun_limits;
extern const struct value_type value_server; /* of a struct server_conf */
extern const struct value_type value_proto;  /* likewise */

/* snapshot_route.c */
extern const struct noun noun_route;
extern const struct value_type value_host;   /* const char * */
extern const struct value_type value_prefix; /* likewise */
extern const struct value_type value_target; /* likewise */

/* snapshot_error_page.c */
extern const struct noun noun_error_page;
extern const struct value_type value_codes; /* of a struct error_page_conf */
extern const struct value_type value_page;  /* const char * */

/* snapshot_experiment.c */
extern const struct noun noun_experiment, noun_arm, noun_guard;
extern const struct value_type value_limit; /* of a struct guard_conf */

/* snapshot.c */
extern const struct value_type value_spec;    /* const char * */
extern const struct value_type value_setting; /* adds ",key=value" to it */

#endif
