/*
 * dashboard: the page on the metrics listener, and /history.json, which it
 * and "heapgate top" are made from. Takes the samples of a history.
 *
 * The page runs no script but its own and reaches nothing but its own host:
 * its Content-Security-Policy says so. See docs/admin.md.
 */
#ifndef HEAPGATE_DASHBOARD_H
#define HEAPGATE_DASHBOARD_H

#include "allocators/mem.h"

struct dashboard;
struct stream;
struct supervisor;

/* Takes a sample every 5 s from now on. Returns: NULL without memory. Owns: the
 * caller, dashboard_free(). */
struct dashboard *dashboard_new(struct supervisor *s) MUST_USE;
/* Takes no more samples; before the loop's last turn ends. Idempotent. */
void dashboard_stop(struct dashboard *d);
void dashboard_free(struct dashboard **d);

/* Answers with the page, with numbers as they are now. */
void dashboard_get_page(const struct dashboard *d, struct stream *s);
/* Answers with samples and what there is now; ?since=N: samples from number N
 * on; workers: those of each worker too; now: none. */
void dashboard_get_history(const struct dashboard *d, struct stream *s);
/* Answers with a file of the page's. Returns: false if there is no such path. */
bool dashboard_get_asset(struct stream *s);

#endif
